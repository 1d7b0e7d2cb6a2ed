/** Leaves out the texts for an operator: no test should hold an error's cause word for word. */

import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

const ofErrors = new Set(['Error', 'TypeError']);

const texts = {
  shouldIgnore(path) {
    if (!path.isNewExpression()) return undefined;
    const { callee } = path.node;
    return callee.type === 'Identifier' && ofErrors.has(callee.name)
      ? 'the text of an error for the operator'
      : undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'texts', texts)];
