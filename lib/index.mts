/** The same exports for `import`: one copy of the classes, so that `instanceof` holds between both worlds. */

// To TypeScript from version 6, no types are there that nobody names.
/// <reference types="node" preserve="true" />

import { MastodonStrategy } from './index.js';

export * from './index.js';
export default MastodonStrategy;
