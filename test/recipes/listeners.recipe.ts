/** The listeners of docs/operators.md, each with the events of a login, a refusal and a failure of the site. */

import { blocksRunBy, errorsIn, runWith } from './blocks.js';

const [pino, prometheus, openTelemetry] = blocksRunBy(
  'test/recipes/listeners.recipe.ts',
  'docs/operators.md',
);

/**
 * Prints the arguments of `told` after a login at a testing instance, a typing mistake, and a failure of the store.
 */
const program = (before: string, after: string) => (dist: string) => `
  import { createLogin } from '${dist}/web/index.js';
  import { startInstance } from '${dist}/testing/index.js';
  ${before}
  const instance = await startInstance();
  const options = {
    clientName: 'Example',
    callbackURL: 'http://localhost:1/callback',
    developmentInstances: [instance.origin],
  };
  const login = createLogin(options);
  const start = new Request('http://localhost:1/login');
  const begun = await login.begin(start, { instance: instance.host });
  const callback = await instance.approve(begun.headers.get('location'));
  const cookie = begun.headers.get('set-cookie').split(';')[0];
  await login.finish(new Request(callback, { headers: { cookie } }));
  await login.begin(start, { instance: '127.0.0.1' }).catch(() => undefined);
  const down = () => { throw new Error('down'); };
  const store = { get: down, set: down, delete: down };
  await createLogin({ ...options, store }).begin(start, { instance: instance.host }).catch(() => undefined);
  await instance.close();
  ${after}`;

it('they compile', () => {
  expect(errorsIn([pino!, prometheus!, openTelemetry!])).toEqual([]);
});

it('pino writes each event, and faults of the site as errors', async () => {
  const lines = await runWith([pino!], program(`import './0.mjs';`, ''));
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(told.map(({ level, msg, code }) => [level, msg, ...(code ? [code] : [])])).toEqual([
    [30, 'registered'],
    [30, 'begun'],
    [30, 'finished'],
    [30, 'refused', 'instance_invalid'],
    [50, 'refused', 'store_failed'],
  ]);
  expect(told[1]).toMatchObject({ from: 'createLogin', instance: expect.stringMatching(/^localhost:\d+$/) });
});

it('Prometheus counts logins and requests, without a label from user input', async () => {
  const lines = await runWith(
    [prometheus!],
    program(
      `import './0.mjs'; import { register } from 'prom-client';`,
      'console.log(await register.metrics());',
    ),
  );
  expect(lines).toEqual(
    expect.arrayContaining([
      'mastodon_logins_total{event="finished",code=""} 1',
      'mastodon_logins_total{event="refused",code="instance_invalid"} 1',
      'mastodon_logins_total{event="refused",code="store_failed"} 1',
      expect.stringMatching(/^mastodon_request_seconds_count\{outcome="2xx"\} \d+$/),
    ]),
  );
  expect(lines.join('\n')).not.toContain('localhost');
});

it('OpenTelemetry gets a span for each request, below that of the site, and a count', async () => {
  const lines = await runWith(
    [openTelemetry!],
    program(
      `
      import { metrics, trace } from '@opentelemetry/api';
      import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
      import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
      const spans = new InMemorySpanExporter();
      trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
      const counts = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
      const reader = new PeriodicExportingMetricReader({ exporter: counts });
      const meters = new MeterProvider({ readers: [reader] });
      metrics.setGlobalMeterProvider(meters);
      await import('./0.mjs');`,
      `
      await meters.forceFlush();
      const points = counts.getMetrics().at(-1).scopeMetrics[0].metrics[0].dataPoints;
      console.log(JSON.stringify({
        spans: spans.getFinishedSpans().map(({ name, attributes }) => [name, attributes['http.response.status_code']]),
        counts: points.map(({ attributes, value }) => [attributes.event, attributes.code, value]),
      }));
      await meters.shutdown();`,
    ),
  );
  const told = JSON.parse(lines.at(-1)!) as { spans: unknown[]; counts: unknown[] };
  expect(told.spans).toContainEqual(['POST /oauth/token', 200]);
  expect(told.spans).toContainEqual(['GET /api/v1/accounts/verify_credentials', 200]);
  expect(told.counts).toContainEqual(['finished', '', 1]);
  expect(told.counts).toContainEqual(['refused', 'store_failed', 1]);
});
