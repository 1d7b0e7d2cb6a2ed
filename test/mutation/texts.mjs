/** Leaves out the texts for an operator: no test compares the cause of an error word for word. */

import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

const ofErrors = new Set(['Error', 'TypeError']);
const isText = ({ type }) => type === 'StringLiteral' || type === 'TemplateLiteral';

/** `cause: '…'` and `const cause = '…'`. */
function isCause({ node, parent }) {
  const name =
    parent.type === 'ObjectProperty'
      ? parent.key.name
      : parent.type === 'VariableDeclarator' && parent.id.name;
  return isText(node) && name === 'cause';
}

const texts = {
  shouldIgnore(path) {
    const { node } = path;
    const isError = node.type === 'NewExpression' && ofErrors.has(node.callee.name);
    return isError || isCause(path) ? 'the text of an error for the operator' : undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'texts', texts)];
