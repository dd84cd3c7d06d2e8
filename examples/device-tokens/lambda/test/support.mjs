// What the tests share: an AWS API emulator of their own, and requests as API
// Gateway sends them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';

export const REGION = 'us-east-1';

// Emulators accept any; the SDK and Terraform want some.
export const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: REGION };

export const IOS_TOKEN = 'a1b2c3d4'.repeat(8);
export const ANDROID_TOKEN = `fMEP0_vJqS0:APA91b${'HPRgkF-JUHm4_'.repeat(10)}`;

const START_TIMEOUT_MS = 30_000;

/**
 * Starts moto on a free port with empty state.
 *
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export async function startMoto() {
  const python = process.env.HOLDFAST_LAB_PYTHON || 'python3';

  // Between finding a port free and moto's taking it somebody else may: try again.
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const moto = spawn(python, ['-m', 'moto.server', '-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
    const kill = () => moto.kill('SIGKILL');
    process.once('exit', kill);

    let complaint = '';
    moto.stderr.on('data', (text) => (complaint = (complaint + text).slice(-2000)));
    moto.on('error', (error) => (complaint = String(error)));
    const closed = once(moto, 'close').catch(() => {}); // an error event is kept above

    const url = `http://127.0.0.1:${port}`;
    if (await answers(url, moto)) {
      return {
        url,
        async stop() {
          process.removeListener('exit', kill);
          kill();
          await closed;
        },
      };
    }

    process.removeListener('exit', kill);
    kill();
    await closed;
    if (attempt === 3) throw new Error(`${python} -m moto.server does not start: ${complaint}`);
  }
}

async function answers(url, child) {
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
    try {
      const response = await fetch(`${url}/moto-api/data.json`);
      await response.body?.cancel();
      if (response.ok) return true;
    } catch {
      // not listening yet
    }
    await sleep(50);
  }
  return false;
}

async function freePort() {
  const server = createServer();
  const { port } = await listen(server);
  await new Promise((done) => server.close(done));
  return port;
}

/** @returns {Promise<{port: number, url: string}>} */
export async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}` };
}

/** A client for the emulator, with nothing taken from the environment. */
export function dynamoDB(url, options) {
  return new DynamoDBClient({
    endpoint: url,
    region: REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    ...options,
  });
}

/** The table of dynamodb.tf; tests/stack.test.mjs runs the handler against the real one. */
export async function createTable(client, tableName) {
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'userId', AttributeType: 'S' },
        { AttributeName: 'deviceId', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'userId', KeyType: 'HASH' },
        { AttributeName: 'deviceId', KeyType: 'RANGE' },
      ],
    }),
  );
}

/** A POST as API Gateway sends it. A body that is no string is sent as JSON. */
export function post(userId, body, overrides) {
  return request('POST', userId, { body: typeof body === 'string' ? body : JSON.stringify(body), ...overrides });
}

/** A DELETE as API Gateway sends it, with the query's deviceId parameters. */
export function del(userId, deviceIds, overrides) {
  const ids = [deviceIds].flat();
  return request('DELETE', userId, {
    queryStringParameters: { deviceId: ids.at(-1) },
    multiValueQueryStringParameters: { deviceId: ids },
    ...overrides,
  });
}

export function request(httpMethod, userId, overrides) {
  return {
    resource: '/v1/device-tokens',
    path: '/v1/device-tokens',
    httpMethod,
    headers: { 'content-type': 'application/json' },
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    body: null,
    isBase64Encoded: false,
    requestContext: {
      authorizer: { claims: { sub: userId } },
      identity: { cognitoIdentityId: null, userArn: null },
    },
    ...overrides,
  };
}
