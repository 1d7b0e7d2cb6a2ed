/** The warnings that somebody reads who builds a site. */

let warnings: [text: string, code: string | undefined][] = [];

/** In each test of the file the package thinks that a site is being built, and its warnings are noted. */
export function whileBuilding(): void {
  let environment: string | undefined;
  beforeEach(() => {
    environment = process.env['NODE_ENV'];
    delete process.env['NODE_ENV'];
    warnings = [];
    jest.spyOn(process, 'emitWarning').mockImplementation((text, options) => {
      warnings.push([String(text), (options as { code?: string } | undefined)?.code]);
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
    process.env['NODE_ENV'] = environment;
  });
}

export const allTold = () => warnings;

export const told = (code: string) => warnings.filter(([, given]) => given === code).map(([text]) => text);
