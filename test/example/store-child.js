/** A process of its own that uses the example's store: it prints a line for each thing the store acknowledged. */

const { LmdbStore } = require('../../example/lmdb-store.js');

const [, , job, file, ...keys] = process.argv;
const store = new LmdbStore(file);
const jobs = { write, remove };

/** Writes without an end, 20 at a time, and says each one that was acknowledged. */
async function write() {
  for (let i = 0; ; i += 20) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const key = `${process.pid}:${i + n}`;
        await store.set(key, { n: i + n }, 600_000);
        process.stdout.write(`${key}\n`);
      }),
    );
  }
}

/** Waits for a line, so that all processes begin together, then says which keys it was the one to delete. */
async function remove() {
  process.stdout.write('ready\n');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const won = await Promise.all(keys.map((key) => store.delete(key)));
  process.stdout.write(keys.filter((_, i) => won[i]).join('\n') + '\ndone\n');
  await store.close();
  process.exit();
}

void jobs[job]();
