/** Every store that processes share and that needs a server, with the known faults of its adapter. */

import { join } from 'node:path';
import type { Opener } from '../support/open-store.js';
import { redisAvailable } from '../support/redis.js';
import type { StoreKind } from '../stores/contract.js';
import {
  missing,
  startCluster,
  startMariaDB,
  startMemcached,
  startPostgres,
  startRedisLike,
  type Server,
} from './servers.js';

export interface Kind {
  readonly name: string;
  readonly opener: (url: string) => Opener;
  /** The reason why it cannot be tested here. */
  readonly skipped: string | undefined;
  readonly start: () => Promise<Server>;
  /** What its adapter does to the process when the server stops; undefined if nothing. */
  readonly deadly?: string;
  readonly faults?: Omit<StoreKind, 'opener'>;
}

const here = (name: string) => (url: string) => [join(__dirname, 'openers.js'), name, url] as const;
const ours = (name: string) => (url: string) =>
  [join(__dirname, '..', 'stores', 'openers.ts'), name, url] as const;
/** Keyv 6 requires Node.js 22.19. The parts that these tests use run in every version that this package supports. */
export const keyv6Openers = join(__dirname, '..', 'keyv-6', 'openers.js');
const keyv6 = (name: string) => (url: string) => [keyv6Openers, name, url] as const;
const redis = { skipped: redisAvailable(), start: () => startRedisLike('redis-server') };
const cluster = { skipped: redisAvailable(), start: startCluster };
const valkey = { skipped: missing.valkey(), start: () => startRedisLike('valkey-server') };

const deadlyPool =
  'the pool of @keyv/postgres has no error listener for idle connections, so such an error ends the process';

export const kinds: readonly Kind[] = [
  { name: 'a Keyv on Redis', opener: here('redis'), ...redis },
  { name: 'a Keyv 6 on Redis', opener: keyv6('redis'), ...redis },
  { name: 'a Keyv on Valkey', opener: here('valkey'), ...valkey },
  { name: 'redisStore with ioredis', opener: here('ioredis'), ...redis, faults: { hasLocks: true } },
  { name: 'redisStore with ioredis 5', opener: here('ioredis5'), ...redis, faults: { hasLocks: true } },
  { name: 'redisStore on a Redis Cluster', opener: here('cluster'), ...cluster, faults: { hasLocks: true } },
  {
    name: 'redisStore with ioredis on a Redis Cluster',
    opener: here('ioredisCluster'),
    ...cluster,
    faults: { hasLocks: true },
  },
  { name: 'redisStore on Valkey', opener: ours('redis'), ...valkey, faults: { hasLocks: true } },
  {
    name: 'a Keyv on PostgreSQL',
    opener: here('postgres'),
    skipped: missing.postgres(),
    start: startPostgres,
    deadly: deadlyPool,
  },
  {
    name: 'a Keyv 6 on PostgreSQL',
    opener: keyv6('postgres'),
    skipped: missing.postgres(),
    start: startPostgres,
    deadly: deadlyPool,
  },
  {
    name: 'a Keyv on MariaDB',
    opener: here('mariadb'),
    skipped: missing.mariadb(),
    start: startMariaDB,
    // The type of the column of values is TEXT.
    faults: { longestValue: 65_535 },
  },
  {
    name: 'a Keyv on memcached',
    opener: here('memcached'),
    skipped: missing.memcached(),
    start: startMemcached,
    faults: { longestValue: 1_048_576 },
  },
];
