// k6's script: sends the request in the file REQUEST to URL with a timeout of TIMEOUT_MS; the times of right answers, connecting included, and the failures
// by kind go into outcome.json. k6 keeps every value of a trend, so that its percentiles are not rounded; bodies it reads
// without keeping them, however long they are.
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';

const BY_CODE = { 1050: 'timeout', 1211: 'timeout', 1212: 'connection refused', 1220: 'reset' };
const BY_WORDS = { EOF: 'no answer', 'unexpected EOF': 'short body' };
const OTHER = 'no whole answer';
const PERCENTILES = [...Array(99).keys()].map((below) => below + 1).concat([99.9]);

const asked = JSON.parse(open(__ENV.REQUEST));
const parameters = { headers: asked.headers, redirects: 0, responseType: 'none', timeout: Number(__ENV.TIMEOUT_MS) };
const latency = new Trend('latency', true);
const failed = {};
for (const kind of [...Object.values(BY_CODE), ...Object.values(BY_WORDS), OTHER]) count(kind);
for (let status = 100; status < 600; status += 1) count(`status ${status}`);

export const options = { summaryTrendStats: ['count', 'avg', 'min', 'max', ...PERCENTILES.map((p) => `p(${p})`)] };

function count(kind) {
  failed[kind] = new Counter(metricOf(kind));
}

function metricOf(kind) {
  return `failed_${kind.replace(/ /g, '_')}`;
}

function kindOf(answer) {
  if (answer.error) return BY_CODE[answer.error_code] || BY_WORDS[answer.error] || OTHER;
  return isRight(answer.status) ? null : `status ${answer.status}`;
}

function isRight(status) {
  return asked.status ? status === asked.status : status >= 200 && status < 300;
}

export default function () {
  const answer = http.request(asked.method, __ENV.URL, asked.body, parameters);
  const kind = kindOf(answer);
  if (kind) failed[kind].add(1);
  else latency.add(answer.timings.blocked + answer.timings.duration);
}

export function handleSummary(data) {
  const counts = Object.keys(failed).map((kind) => [kind, data.metrics[metricOf(kind)]]);
  const outcome = {
    latency_ms: data.metrics.latency ? data.metrics.latency.values : null,
    failures: Object.fromEntries(counts.filter(([, metric]) => metric).map(([kind, metric]) => [kind, metric.values.count])),
    duration_ms: data.state.testRunDurationMs,
  };
  return { 'outcome.json': JSON.stringify(outcome) };
}
