/**
 * Runs Stryker for one file after another, each with its tests, and prints the scores as a table: `npm run
 * test:part -- mutation`, or for some files or folders of `lib/`: `npm run test:part -- mutation -- discovery/
 * login/profile`.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
// Some tests read dist/, and Stryker's copy has no step before the tests.
import '../../scripts/build-once.mjs';

const root = resolve(import.meta.dirname, '../..');
const stryker = resolve(import.meta.dirname, 'node_modules/@stryker-mutator/core/bin/stryker.js');
const goal = 95;

/**
 * Files of lib/, and the tests of each in test/: a file's name without its ending, or a folder with a slash at its
 * end.
 */
const judged = {
  'discovery/address': 'discovery/address',
  'discovery/instance-document': 'discovery/instance-document discovery/other-software',
  'discovery/metadata': 'discovery/metadata',
  'discovery/software': 'discovery/software discovery/other-software',
  'discovery/webfinger': 'discovery/webfinger discovery/host-meta',
  'discovery/discover':
    'discovery/discover discovery/find-the-server discovery/other-software client/url-clients',
  'discovery/discovery': 'discovery/discovery discovery/find-the-server security/outlive-a-forged-answer',
  'discovery/failures': 'discovery/failures',
  'client/client': 'client/client',
  'client/clients': 'client/clients client/verification',
  'client/metadata-document': 'client/metadata-document login/client-metadata',
  'client/registration': 'client/registration client/invalid-code-check',
  'client/verification': 'client/verification client/invalid-code-check',
  'client/lifecycle':
    'client/dead-credentials client/register-once client/invalid-code-check client/url-clients client/registration',
  'login/authorization': 'login/authorization login/response',
  'login/browser': 'login/browser',
  'login/exchange': 'login/token',
  'login/profile': 'login/profile',
  'login/transactions': 'login/transactions login/stored-logins',
  'login/account': 'login/token',
  'login/login': 'login/log login/tokens login/transactions client/dead-credentials',
  'login/tokens': 'login/tokens',
  'passport/verify': 'passport/verify',
  'http/addresses': 'http/addresses http/dns http/lookup',
  'http/answer': 'http/answer http/json',
  'http/concurrency': 'http/concurrency',
  'http/referrals': 'http/referrals',
  'http/context': 'http/context http/concurrency',
  'http/request': 'http/request http/certificates http/connections discovery/documents discovery/discover',
  'issuer/claims': 'issuer/claims',
  'issuer/client-names': 'issuer/client-names',
  'issuer/redirect-uris': 'issuer/redirect-uris',
  'issuer/adapter': 'issuer/adapter',
  'issuer/documents': 'issuer/document-fetches',
  'issuer/keys': 'issuer/keys',
  'issuer/limits': 'issuer/limits',
  'issuer/client-options': 'issuer/client-options',
  'issuer/sessions': 'issuer/sessions',
  'issuer/cookies': 'issuer/cookies',
  'issuer/interactions': 'issuer/prompts issuer/visits security/fixate-a-login-at-the-issuer',
  'issuer/logins':
    'issuer/prompts issuer/visits security/log-in-as-another-than-named security/deceive-the-issuer',
  'issuer/router': 'issuer/conformance issuer/mount security/deceive-the-issuer',
  'issuer/middleware': 'issuer/device issuer/refresh issuer/conformance',
  store: 'store store-locks login/transactions client/clients security/use-a-login-twice',
  'util/quota': 'bridge/quota issuer/limits',
  'util/url': 'util/url',
};

/** @returns the mutants by their status, and the score in percent */
function measure(file, tests) {
  const report = `coverage/mutation/${file.replace('/', '-')}.json`;
  const args = ['run', 'test/mutation/stryker.config.mjs', '--mutate', `lib/${file}.ts`];
  const { status } = spawnSync(process.execPath, [stryker, ...args], {
    cwd: root,
    env: { ...process.env, MUTATION_TESTS: tests, MUTATION_REPORT: report },
    stdio: 'inherit',
  });
  if (status !== 0) return undefined;
  const [{ mutants }] = Object.values(JSON.parse(readFileSync(resolve(root, report), 'utf8')).files);
  const count = (...names) => mutants.filter((one) => names.includes(one.status)).length;
  const detected = count('Killed', 'Timeout');
  const undetected = count('Survived', 'NoCoverage');
  return { detected, undetected, score: (100 * detected) / Math.max(1, detected + undetected) };
}

const wanted = process.argv.slice(2);
const names = (part, file) => file === part || (part.endsWith('/') && file.startsWith(part));
const chosen = Object.entries(judged).filter(
  ([file]) => wanted.length === 0 || wanted.some((part) => names(part, file)),
);
const unknown = wanted.filter((part) => !chosen.some(([file]) => names(part, file)));
if (unknown.length > 0) {
  console.error(`The table of this script has no tests for ${unknown.join(', ')}.`);
  process.exit(1);
}
mkdirSync(resolve(root, 'coverage/mutation'), { recursive: true });
const rows = [];
for (const [file, tests] of chosen) {
  const result = measure(file, tests);
  if (!(result?.score >= goal)) process.exitCode = 1;
  rows.push(
    `| \`lib/${file}.ts\` | ${result ? `${result.detected + result.undetected} | ${result.score.toFixed(1)}` : '| failed'} |`,
  );
}
console.log(['', '| file | mutants | noticed (%) |', '|---|---|---|', ...rows].join('\n'));
