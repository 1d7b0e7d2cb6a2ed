/** Starts the site. */

import { createSite } from './site.js';

void createSite().then((site) => site.listen(process.env['PORT'] ?? '3000'));
