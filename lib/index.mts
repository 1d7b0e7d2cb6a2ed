/** The same exports for `import`: one copy of the classes, so that `instanceof` holds between both worlds. */

import { MastodonStrategy } from './index.js';

export * from './index.js';
export default MastodonStrategy;
