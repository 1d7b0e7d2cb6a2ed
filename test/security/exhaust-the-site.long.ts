/** The attacker uses up the site's time, memory and sockets: endless answers, compression bombs, and no answer. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { aRawServer, names, refusal, until, type Answers } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import type { Site } from '../support/site.js';
import { anInstance, aSite, aStage, codesAreChecked, comeBack, start } from '../support/stage.js';
import { Visitor, type Page } from '../support/visitor.js';

/** For attacks that only the deadline ends. */
const timeoutMs = 1000;
/** The kernel's buffers on both sides of a loopback connection, for bytes that were not read yet. */
const buffersInBetween = 8 * 2 ** 20;

/** Attacks the connection in place of a response; ends with the connection. */
type Attack = (socket: Socket) => void;

const head = (headers: string) => `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${headers}\r\n`;

/** Writes the same bytes for as long as the other side reads them. */
function pump(socket: Socket, bytes: Buffer | string): void {
  const go = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', go);
  go();
}

/** One piece after another, each long before the connection counts as idle. */
function drip(socket: Socket, piece: string | Buffer): void {
  const timer = setInterval(() => socket.write(piece), 15);
  socket.once('close', () => clearInterval(timer));
}

const spaces = ' '.repeat(65_536);
const zeros = Buffer.alloc(64 * 2 ** 20);
const bomb = { gzip: gzipSync(zeros), deflate: deflateSync(zeros) };

function sendBomb(encoding: keyof typeof bomb): Attack {
  return (socket) => {
    socket.write(head(`Content-Encoding: ${encoding}\r\nConnection: close\r\n`));
    socket.write(bomb[encoding]);
  };
}

const tooLarge: Record<string, Attack> = {
  'a body without end': (socket) => {
    socket.write(head(''));
    pump(socket, spaces);
  },
  'chunks without end': (socket) => {
    socket.write(head('Transfer-Encoding: chunked\r\n'));
    pump(socket, `10000\r\n${spaces}\r\n`);
  },
  'chunks of one byte without end': (socket) => {
    socket.write(head('Transfer-Encoding: chunked\r\n'));
    pump(socket, '1\r\n \r\n'.repeat(10_000));
  },
  'a body that says how large it is': (socket) => {
    socket.write(head('Content-Length: 9999999999\r\n'));
    pump(socket, spaces);
  },
  'a body one byte too long': (socket) => {
    socket.write(head('Content-Length: 20001\r\n') + `{}${' '.repeat(19_999)}`);
  },
  'a gzip bomb': sendBomb('gzip'),
  'a deflate bomb': sendBomb('deflate'),
  'a bomb in pieces without end': (socket) => {
    socket.write(head('Content-Encoding: gzip\r\n'));
    pump(socket, bomb.gzip);
  },
  'one header without end': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nX: ');
    pump(socket, 'x'.repeat(65_536));
  },
  'headers without end': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    pump(socket, 'X-More: and more\r\n'.repeat(1000));
  },
  'a status line without end': (socket) => {
    socket.write('HTTP/1.1 200 ');
    pump(socket, 'K'.repeat(65_536));
  },
  'early hints without end': (socket) =>
    pump(socket, 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(20)),
  'empty deflate blocks without end': (socket) => {
    socket.write(head('Content-Encoding: deflate\r\n'));
    socket.write(Buffer.from([0x78, 0x9c]));
    pump(socket, Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0, 0, 0, 0xff, 0xff]))));
  },
  'a chunk extension without end': (socket) => {
    socket.write(head('Transfer-Encoding: chunked\r\n'));
    pump(socket, `1;${'x'.repeat(10_000)}\r\n \r\n`);
  },
};

const tooSlow: Record<string, Attack> = {
  silence: () => undefined,
  'a byte of the body at a time': (socket) => {
    socket.write(head('Content-Length: 10000\r\n'));
    drip(socket, ' ');
  },
  'a chunk at a time': (socket) => {
    socket.write(head('Transfer-Encoding: chunked\r\n'));
    drip(socket, '1\r\n \r\n');
  },
  'a byte of a header at a time': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nX: ');
    drip(socket, 'x');
  },
  'a header at a time': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    drip(socket, 'X: x\r\n');
  },
  'an early hint at a time': (socket) => drip(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'),
  'a body that stops short': (socket) => void socket.write(head('Content-Length: 100\r\n') + '{"uri":'),
  'a chunk that stops short': (socket) =>
    void socket.write(head('Transfer-Encoding: chunked\r\n') + 'ff\r\n{"uri":'),
  'a gzip stream that stops short': (socket) => {
    socket.write(head('Content-Encoding: gzip\r\n'));
    socket.write(gzipSync('{"uri":"x"}').subarray(0, 12));
  },
  'a byte of compressed nothing at a time': (socket) => {
    socket.write(head('Content-Encoding: deflate\r\n'));
    socket.write(Buffer.from([0x78, 0x9c]));
    drip(socket, Buffer.from([0, 0, 0, 0xff, 0xff]));
  },
};

const broken: Record<string, Attack> = {
  'a reset': (socket) => void socket.resetAndDestroy(),
  'an end': (socket) => void socket.end(),
  'a reset among the headers': (socket) =>
    void socket.write('HTTP/1.1 200 OK\r\nX: ', () => socket.resetAndDestroy()),
  'a reset in the body': (socket) =>
    void socket.write(head('Content-Length: 100\r\n') + '{"uri":', () => socket.resetAndDestroy()),
  'an end in the body': (socket) => void socket.end(head('Content-Length: 100\r\n') + '{"uri":'),
  'an end in a chunk': (socket) => void socket.end(head('Transfer-Encoding: chunked\r\n') + 'ff\r\n{'),
  'an end after an early hint': (socket) => void socket.end('HTTP/1.1 103 Early Hints\r\n\r\n'),
  'an end in a gzip stream': (socket) => {
    socket.write(head('Content-Encoding: gzip\r\n'));
    socket.end(gzipSync('{"uri":"x"}').subarray(0, 12));
  },
  'no gzip where it says so': (socket) => void socket.end(head('Content-Encoding: gzip\r\n') + '{"uri":"x"}'),
  'no brotli where it says so': (socket) =>
    void socket.end(head('Content-Encoding: br\r\n') + '\xff\xff\xff'),
  'no deflate where it says so': (socket) => void socket.end(head('Content-Encoding: deflate\r\n') + '{}'),
  'an unknown encoding': (socket) => void socket.end(head('Content-Encoding: zstd\r\n') + '{}'),
  'one encoding in another': (socket) => void socket.end(head('Content-Encoding: gzip, gzip\r\n') + '{}'),
  'many encodings': (socket) =>
    void socket.end(head(`Content-Encoding: ${'gzip, '.repeat(1000)}gzip\r\n`) + '{}'),
  'an encoding named like a method': (socket) =>
    void socket.end(head('Content-Encoding: constructor\r\n') + '{}'),
  'another protocol': (socket) =>
    void socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
  'continues without end': (socket) => pump(socket, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(20)),
  'no HTTP': (socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
  'HTTP/0.9': (socket) => void socket.end('{"uri":"x"}'),
  'a status without sense': (socket) => void socket.end('HTTP/1.1 99999 OK\r\n\r\n'),
  'two lengths': (socket) => void socket.end(head('Content-Length: 2\r\nContent-Length: 3\r\n') + '{}'),
  'a length and chunks': (socket) =>
    void socket.end(head('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n') + '{}'),
  'a negative length': (socket) => void socket.end(head('Content-Length: -1\r\n') + '{}'),
  'a chunk size without sense': (socket) =>
    void socket.end(head('Transfer-Encoding: chunked\r\n') + 'zz\r\n{}\r\n0\r\n\r\n'),
  'control characters in headers': (socket) => void socket.end(head('X: \u0000\u0007\r\n') + '{}'),
};

/** The step of a login at which the attack happens, and how far the visitor gets before it. */
const stages: Record<string, string> = {
  'looking at the instance': 'GET /api/v1/instance',
  registering: 'POST /api/v1/apps',
  'testing the instance': 'POST /oauth/token',
  'exchanging the code': 'POST /oauth/token',
  'asking who it is': 'GET /api/v1/accounts/verify_credentials',
};

interface Victim {
  readonly stage: string;
  readonly instance: StandIn;
  readonly site: Site;
  /** The request that receives the attacker's answer. */
  readonly proceed: () => Promise<Page>;
}

/** A site and a visitor, just before the attack. */
async function prepare(stage: string, deadlineMs: number): Promise<Victim> {
  const instance = await anInstance('mastodon42');
  const outbound = { timeoutMs: deadlineMs, maxResponseBytes: 20_000 };
  const site = await aSite({ instances: [instance], options: { outbound } });
  const visitor = new Visitor();
  const isCallback = ['testing the instance', 'exchanging the code', 'asking who it is'].includes(stage);
  // The invalid-code check has not run yet when the visitor returns.
  const undo = stage === 'testing the instance' && instance.answerWith('POST /oauth/token', 503, '');
  const callback = isCallback ? await comeBack(visitor, site, instance.host) : undefined;
  if (isCallback) await codesAreChecked(instance);
  if (undo) undo();
  const proceed = () => (callback ? visitor.get(callback.href) : start(visitor, site, instance.host));
  return { stage, instance, site, proceed };
}

/** Attacks every step at the same time, and checks that every connection of the attacker ends. */
async function attackEverywhere(
  how: Attack,
  deadlineMs = 10_000,
): Promise<Record<string, string | undefined>> {
  const victims = await Promise.all(Object.keys(stages).map((stage) => prepare(stage, deadlineMs)));
  const sockets: Socket[] = [];
  for (const { instance, stage } of victims) {
    instance.answer(stages[stage] ?? '', (req) => {
      sockets.push(req.socket);
      req.socket.on('error', () => undefined);
      how(req.socket);
    });
  }
  const pages = await Promise.all(victims.map(({ proceed }) => proceed()));
  expect(sockets.length).toBeGreaterThanOrEqual(victims.length);
  await until(() => sockets.every((socket) => socket.destroyed));
  for (const { bytesWritten } of sockets) expect(bytesWritten).toBeLessThan(buffersInBetween);
  for (const { site } of victims) {
    expect(site.errors).toEqual([]);
    expect(site.verified).toEqual([]);
  }
  return Object.fromEntries(
    victims.map(({ stage }, index) => [stage, refusal(pages[index] as Page).code ?? 'none']),
  );
}

function everywhere(code: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.keys(stages).map((stage) => [stage, code]));
}

describe('too much', () => {
  it.each(Object.entries(tooLarge))('%s', async (_what, how) => {
    expect(await attackEverywhere(how)).toEqual(everywhere('response_too_large'));
  });
});

it('an account of a kilobyte, compressed, that would take 23 MB in memory is refused before it is parsed', async () => {
  const account = gzipSync(`{"id":"1","username":"alice","fields":[${'{},'.repeat(349_000)}{}]}`);
  expect(account.length).toBeLessThan(1200);
  const { site, instance, visitor } = await aStage();
  const callback = await comeBack(visitor, site, instance.host);
  instance.answer('GET /api/v1/accounts/verify_credentials', (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }).end(account);
  });
  expect(refusal(await visitor.get(callback.href)).code).toBe('response_too_large');
  expect(site.verified).toEqual([]);
});

describe('too slow', () => {
  it.each(Object.entries(tooSlow))('%s', async (_what, how) => {
    expect(await attackEverywhere(how, timeoutMs)).toEqual(everywhere('timeout'));
  });
});

describe('broken', () => {
  it('an unrequested brotli stream, which may claim much memory', async () => {
    const how: Attack = (socket) => {
      socket.write(head('Content-Encoding: br\r\n'));
      socket.write(brotliCompressSync('{"uri":"x","version":"4"}'));
    };
    expect(await attackEverywhere(how)).toEqual(everywhere('response_invalid'));
  });

  it.each(Object.entries(broken))('%s', async (_what, how) => {
    const codes = await attackEverywhere(how);
    expect(codes).toEqual(everywhere(expect.stringMatching(/^(instance_unreachable|response_invalid)$/)));
  });
});

describe('never an answer', () => {
  interface Host {
    readonly origin: string;
    readonly table: Record<string, Answers>;
  }

  async function refusedAt({ origin, table }: Host): Promise<string | undefined> {
    const { lookup } = names(table);
    const outbound = { timeoutMs, lookup };
    const site = await aSite({ instances: [{ origin }], options: { outbound } });
    const page = await start(new Visitor(), site, new URL(origin).host);
    expect(site.errors).toEqual([]);
    return refusal(page).code;
  }

  it('of the name server', async () => {
    for (const origin of ['http://silent.example:4000', 'https://silent.example']) {
      expect(await refusedAt({ origin, table: { 'silent.example': 'never answers' } })).toBe('timeout');
    }
  });

  it('to a connection', async () => {
    const full = await listenerThatIsFull();
    try {
      const table = { 'full.example': ['127.0.0.1'] };
      expect(await refusedAt({ origin: `http://full.example:${full.port}`, table })).toBe('timeout');
      const twice = { 'full.example': ['127.0.0.1', '127.0.0.1', '127.0.0.1'] };
      expect(await refusedAt({ origin: `http://full.example:${full.port}`, table: twice })).toBe('timeout');
    } finally {
      full.close();
    }
  });

  it.each<[string, Attack, RegExp]>([
    ['', (socket) => socket.resume(), /^timeout$/],
    [
      ' that continues one byte at a time',
      (socket) => drip(socket.resume(), Buffer.from([0x16])),
      /^(timeout|instance_unreachable)$/,
    ],
  ])('to a TLS handshake%s', async (_how, attack, code) => {
    const server = await aRawServer(attack);
    const table = { 'handshake.example': ['127.0.0.1'] };
    expect(await refusedAt({ origin: `https://handshake.example:${server.port}`, table })).toMatch(code);
    expect(server.connections()).toBeGreaterThan(0);
    await until(() => server.open() === 0);
  });
});

/** A process that listens and is then stopped: its kernel accepts two connections, and keeps all others waiting. */
async function listenerThatIsFull(): Promise<{ port: number; close(): void }> {
  const program = `require('net').createServer().listen(0, '127.0.0.1', 1, function () { console.log(this.address().port) })`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  child.kill('SIGSTOP');
  const port = Number(line);
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect')));
  return {
    port,
    close() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}

describe('leftovers', () => {
  it('include no relevant memory, however much was sent', async () => {
    const instance = await anInstance('mastodon42');
    const site = await aSite({
      instances: [instance],
      options: { outbound: { failureCooldownMs: 1, maxResponseBytes: 20_000 } },
    });
    let sockets: Socket[] = [];
    instance.answer('GET /api/v1/instance', (req) => {
      sockets.push(req.socket);
      req.socket.on('error', () => undefined);
      (tooLarge[Object.keys(tooLarge)[sockets.length % 8] ?? ''] as Attack)(req.socket);
    });
    const round = async () => {
      for (let i = 0; i < 30; i++) await start(new Visitor(), site, instance.host);
      await until(() => sockets.every((socket) => socket.destroyed));
      sockets = [];
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const first = await round();
    await round();
    expect((await round()) - first).toBeLessThan(8 * 2 ** 20);
    expect(site.errors).toEqual([]);
  });

  it('include the users of at most a hundred logins, who may hold large profiles', async () => {
    const { instance, site } = await aStage();
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'Date', 'performance'] });
    try {
      let remembered = 0;
      for (let n = 0; n < 102; n++) {
        const [visitor, again] = [new Visitor(), new Visitor()];
        const callback = await comeBack(visitor, site, instance.host);
        for (const [host, jar] of visitor.jars) again.jars.set(host, new Map(jar));
        expect((await visitor.get(callback.href)).status).toBe(302);
        if ((await again.get(callback.href)).status === 302) remembered++;
      }
      expect(remembered).toBe(100);
    } finally {
      jest.useRealTimers();
    }
  });

  it('include no connection, no timer and no work', async () => {
    const before = resources();
    const hanging = await aRawServer((socket) => socket.resume());
    const origin = `http://localhost:${hanging.port}`;
    const site = await aSite({ instances: [{ origin }], options: { outbound: { timeoutMs } } });
    const handles = Array.from({ length: 40 }, (_, index) => `@user${index}@localhost:${hanging.port}`);
    const codes = await Promise.all(
      handles.map(async (handle) => refusal(await start(new Visitor(), site, handle)).code),
    );
    for (const code of codes) expect(code).toMatch(/^(timeout|instance_unreachable|login_busy)$/);
    await until(() => hanging.open() === 0);
    await site.close();
    await hanging.close();
    await until(() => resources().length <= before.length);
  });
});

/** The sockets, timers and requests of Node that are open. */
function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout|DNS|ZLIB|Zlib/.test(name));
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
