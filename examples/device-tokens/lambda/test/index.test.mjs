// The function as it is deployed: entry point, environment and output.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';

import { createTable, CREDENTIALS, del, dynamoDB, IOS_TOKEN, listen, post, request, startMoto } from './support.mjs';

const TABLE = 'device-tokens';

// A token that nothing else would print, in both platforms' alphabets.
const CANARY = 'deadbeefcafe0123'.repeat(4);

let moto;

before(async () => {
  moto = await startMoto();
  await createTable(dynamoDB(moto.url), TABLE);
});

after(() => moto?.stop());

/** Starts the function, until the test ends; undefined in env means not set. */
function start(t, env) {
  const child = fork(new URL('runtime.mjs', import.meta.url), {
    silent: true,
    env: { PATH: process.env.PATH, ...CREDENTIALS, TABLE_NAME: TABLE, TOKEN_LIFETIME_DAYS: '90', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const closed = once(child, 'close');
  t.after(() => child.kill());

  return {
    closed,
    ready: once(child, 'message'),
    async invoke(event, remainingMs = 10_000) {
      child.send({ event, remainingMs });
      const [{ response }] = await once(child, 'message');
      return response;
    },
    async stop() {
      child.kill();
      await closed; // and with it the last of its output
      return output;
    },
    output: () => output,
  };
}

describe('the environment', { concurrency: true }, () => {
  for (const env of [
    { TABLE_NAME: undefined },
    { TABLE_NAME: '' },
    { TOKEN_LIFETIME_DAYS: undefined },
    { TOKEN_LIFETIME_DAYS: '0' },
    { TOKEN_LIFETIME_DAYS: '1.5' },
    { TOKEN_LIFETIME_DAYS: 'ninety' },
  ]) {
    const [name] = Object.keys(env);
    it(`keeps the function from starting with ${name}=${env[name]}`, async (t) => {
      const runtime = start(t, env);
      const [code] = await runtime.closed;
      assert.notEqual(code, 0);
      assert.match(runtime.output(), new RegExp(`environment variable ${name}`));
    });
  }

  it('decides how long a token lives', async (t) => {
    const runtime = start(t, { AWS_ENDPOINT_URL: moto.url, TOKEN_LIFETIME_DAYS: '7' });
    await runtime.ready;
    const before = Math.floor(Date.now() / 1000);
    const { statusCode, body } = await runtime.invoke(post(randomUUID(), { deviceId: 'phone-1', platform: 'ios', token: IOS_TOKEN }));
    await runtime.stop();

    assert.equal(statusCode, 201);
    const lifetime = JSON.parse(body).expiresAt - before;
    assert.ok(lifetime >= 7 * 86_400 && lifetime <= 7 * 86_400 + 60, `${lifetime} s`);
  });
});

describe('a token never reaches the log or an answer', { concurrency: true }, () => {
  const userId = randomUUID();
  const device = { deviceId: 'phone-1', platform: 'ios', token: CANARY };
  const events = {
    registered: post(userId, device),
    renewed: post(userId, device),
    'on android': post(userId, { ...device, platform: 'android' }),
    'malformed JSON': post(userId, `{"token":"${CANARY}`),
    'token in a wrong field': post(userId, { ...device, deviceId: `${CANARY}!`, platform: CANARY }),
    'token not valid': post(userId, { ...device, token: `${CANARY}!` }),
    'no user': post('', device),
    'no such route': post(userId, device, { resource: `/${CANARY}` }),
    'no such method': request(CANARY, userId),
    removed: del(userId, 'phone-1'),
    'token in the query': del(userId, `${CANARY}!`),
  };

  // What DynamoDB could send back. Each repeats the request, as validation
  // messages do.
  const faults = {
    ValidationException: [400, 'ValidationException'],
    AccessDeniedException: [400, 'AccessDeniedException'],
    ThrottlingException: [400, 'ThrottlingException'],
    InternalServerError: [500, 'InternalServerError'],
  };

  async function run(t, env, expectStatus) {
    const runtime = start(t, env);
    await runtime.ready;
    const answers = [];
    for (const [name, event] of Object.entries(events)) {
      const response = await runtime.invoke(event);
      expectStatus(name, response.statusCode);
      answers.push(JSON.stringify(response));
    }
    const output = await runtime.stop();

    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    assert.equal(lines.length, answers.length, `one line of log a request in:\n${output}`);
    assert.doesNotMatch(output, new RegExp(CANARY, 'i'));
    assert.doesNotMatch(answers.join(), new RegExp(CANARY, 'i'));
    return lines.map((line) => JSON.parse(line));
  }

  const REACH_DYNAMODB = new Set(['registered', 'renewed', 'on android', 'removed']);

  it('when all is well', async (t) => {
    await run(t, { AWS_ENDPOINT_URL: moto.url }, (name, status) => assert.ok(REACH_DYNAMODB.has(name) === status < 300, `${name}: ${status}`));
  });

  for (const [name, [status, type]] of Object.entries(faults)) {
    it(`when DynamoDB answers ${name}`, async (t) => {
      const echo = createServer(async (req, res) => {
        let body = '';
        for await (const part of req) body += part;
        res.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'AWS-1' });
        res.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: `one of these is at fault: ${body}`, Item: body }));
      });
      const { url } = await listen(echo);
      try {
        const lines = await run(t, { AWS_ENDPOINT_URL: url, AWS_MAX_ATTEMPTS: '1' }, (event, code) => assert.equal(code === 500, REACH_DYNAMODB.has(event), `${event}: ${code}`));
        const failed = lines.filter((line) => line.level === 'error');
        assert.equal(failed.length, REACH_DYNAMODB.size);
        for (const line of failed) {
          assert.equal(line.error.name, type);
          assert.equal(line.error.awsRequestId, 'AWS-1');
        }
      } finally {
        echo.closeAllConnections();
        echo.close();
      }
    });
  }

  it('when DynamoDB answers with no JSON', async (t) => {
    const echo = createServer(async (req, res) => {
      let body = '';
      for await (const part of req) body += part;
      res.writeHead(400, { 'content-type': 'text/html' });
      res.end(`<html>${body}</html>`);
    });
    const { url } = await listen(echo);
    try {
      await run(t, { AWS_ENDPOINT_URL: url }, (event, code) => assert.equal(code === 500, REACH_DYNAMODB.has(event), `${event}: ${code}`));
    } finally {
      echo.closeAllConnections();
      echo.close();
    }
  });

  it('when DynamoDB can not be reached', async (t) => {
    const gone = createServer();
    const { url } = await listen(gone);
    await new Promise((done) => gone.close(done));
    await run(t, { AWS_ENDPOINT_URL: url }, (event, code) => assert.equal(code === 500, REACH_DYNAMODB.has(event), `${event}: ${code}`));
  });
});
