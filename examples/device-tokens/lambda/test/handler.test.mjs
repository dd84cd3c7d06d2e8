// The handler against moto's DynamoDB.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';

import { DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';

import { createHandler } from '../src/handler.mjs';
import { createStore } from '../src/store.mjs';
import { ANDROID_TOKEN, createTable, del, dynamoDB, IOS_TOKEN, listen, post, request, startMoto } from './support.mjs';

const TABLE = 'device-tokens';
const LIFETIME_DAYS = 90;
const START = Date.parse('2025-10-15T12:00:00.500Z');

const CONTEXT = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 10_000 };

let moto;
let documents;

before(async () => {
  moto = await startMoto();
  const client = dynamoDB(moto.url);
  await createTable(client, TABLE);
  documents = DynamoDBDocumentClient.from(client);
});

after(() => moto?.stop());

// A handler of its own for each test, with a clock that the test moves.
function subject({ client = documents, tableName = TABLE } = {}) {
  const clock = { time: START };
  const lines = [];
  const handle = createHandler({
    store: createStore({ client, tableName, lifetimeDays: LIFETIME_DAYS, now: () => clock.time }),
    write: (line) => lines.push(line),
  });
  return {
    clock,
    lines,
    async send(event, context = CONTEXT) {
      const response = await handle(event, context);
      return { status: response.statusCode, headers: response.headers, body: response.body && JSON.parse(response.body), raw: response.body };
    },
  };
}

// DynamoDB's writes to an item are atomic; moto's, each in a thread, are not. One
// request at a time makes them so, and still lets the handler's operations
// interleave: a handler that reads and then writes would fail.
function oneAtATime(client) {
  let previous = Promise.resolve();
  client.middlewareStack.add(
    (next) => (args) => {
      const result = previous.then(() => next(args));
      previous = result.catch(() => {});
      return result;
    },
    { step: 'initialize' },
  );
  return client;
}

function unusedStore() {
  const fail = () => assert.fail('the store must not be reached');
  return { register: fail, remove: fail };
}

async function item(userId, deviceId) {
  const { Item } = await documents.send(new GetCommand({ TableName: TABLE, Key: { userId, deviceId }, ConsistentRead: true }));
  return Item;
}

const registration = (overrides) => ({ deviceId: 'phone-1', platform: 'ios', token: IOS_TOKEN, ...overrides });

describe('POST', { concurrency: true }, () => {
  it('registers a token', async () => {
    const userId = randomUUID();
    const { send } = subject();

    const response = await send(post(userId, registration()));

    const expiresAt = Math.floor(START / 1000) + LIFETIME_DAYS * 86_400;
    assert.equal(response.status, 201);
    assert.equal(response.headers['content-type'], 'application/json');
    assert.equal(response.headers['cache-control'], 'no-store');
    assert.deepEqual(response.body, { deviceId: 'phone-1', platform: 'ios', createdAt: '2025-10-15T12:00:00.500Z', expiresAt });
    assert.deepEqual(await item(userId, 'phone-1'), {
      userId,
      deviceId: 'phone-1',
      platform: 'ios',
      token: IOS_TOKEN,
      createdAt: '2025-10-15T12:00:00.500Z',
      updatedAt: '2025-10-15T12:00:00.500Z',
      expiresAt,
    });
  });

  it('renews the same token, and keeps createdAt', async () => {
    const userId = randomUUID();
    const { send, clock } = subject();
    const first = await send(post(userId, registration()));

    clock.time += 30 * 86_400_000;
    const second = await send(post(userId, registration()));

    assert.equal(second.status, 200);
    assert.equal(second.body.createdAt, first.body.createdAt);
    assert.equal(second.body.expiresAt, first.body.expiresAt + 30 * 86_400);
    const stored = await item(userId, 'phone-1');
    assert.equal(stored.createdAt, '2025-10-15T12:00:00.500Z');
    assert.equal(stored.updatedAt, '2025-11-14T12:00:00.500Z');
    assert.equal(stored.expiresAt, second.body.expiresAt);
  });

  it("replaces a device's token and platform", async () => {
    const userId = randomUUID();
    const { send } = subject();
    await send(post(userId, registration()));

    const response = await send(post(userId, registration({ platform: 'android', token: ANDROID_TOKEN })));

    assert.equal(response.status, 200);
    const stored = await item(userId, 'phone-1');
    assert.equal(stored.platform, 'android');
    assert.equal(stored.token, ANDROID_TOKEN);
  });

  it('keeps users and devices apart', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const { send } = subject();

    for (const event of [
      post(one, registration()),
      post(one, registration({ deviceId: 'phone-2' })),
      post(other, registration()),
    ]) {
      assert.equal((await send(event)).status, 201);
    }
  });

  it('answers 201 exactly once to concurrent first registrations', async () => {
    const userId = randomUUID();
    const { send } = subject({ client: DynamoDBDocumentClient.from(oneAtATime(dynamoDB(moto.url))) });

    const responses = await Promise.all(Array.from({ length: 20 }, () => send(post(userId, registration()))));

    const statuses = responses.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [...Array(19).fill(200), 201]);
    const { Count } = await documents.send(
      new QueryCommand({ TableName: TABLE, KeyConditionExpression: 'userId = :u', ExpressionAttributeValues: { ':u': userId } }),
    );
    assert.equal(Count, 1);
  });

  it('reads a base64 body', async () => {
    const userId = randomUUID();
    const body = Buffer.from(JSON.stringify(registration())).toString('base64');

    const response = await subject().send(post(userId, body, { isBase64Encoded: true }));

    assert.equal(response.status, 201);
    assert.equal((await item(userId, 'phone-1')).token, IOS_TOKEN);
  });

  for (const [platform, token] of [
    ['ios', 'AB'.repeat(32)],
    ['ios', 'ab'.repeat(100)],
    ['android', 'x'.repeat(32)],
    ['android', 'x'.repeat(4096)],
  ]) {
    it(`accepts an ${platform} token of ${token.length} characters`, async () => {
      const response = await subject().send(post(randomUUID(), registration({ platform, token })));
      assert.equal(response.status, 201);
    });
  }

  it('ignores members it does not know', async () => {
    const userId = randomUUID();

    const response = await subject().send(post(userId, registration({ userId: 'somebody else', createdAt: 'never', expiresAt: 1, model: 'X' })));

    assert.equal(response.status, 201);
    const stored = await item(userId, 'phone-1');
    assert.equal(stored.createdAt, '2025-10-15T12:00:00.500Z');
    assert.equal('model' in stored, false);
  });

  it('takes members named like parts of a prototype for plain data', async () => {
    const userId = randomUUID();
    const { send } = subject();
    const members = JSON.stringify(registration({ deviceId: '__proto__' })).slice(1);

    const response = await send(post(userId, `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},${members}`));

    assert.equal(response.status, 201);
    assert.equal(response.body.deviceId, '__proto__');
    assert.equal({}.polluted, undefined);
    assert.equal((await item(userId, '__proto__')).token, IOS_TOKEN);
    assert.equal((await send(del(userId, '__proto__'))).status, 204);
    assert.equal(await item(userId, '__proto__'), undefined);
  });
});

describe('POST refuses', { concurrency: true }, () => {
  const SECRET = 'c0ffee'.repeat(12);
  const bodyObject = /must be a JSON object/;
  const cases = [
    ['no body', null, bodyObject],
    ['an empty body', '', bodyObject],
    ['malformed JSON', `{"token":"${SECRET}"`, bodyObject],
    ['an array', [registration({ token: SECRET })], bodyObject],
    ['null', 'null', bodyObject],
    ['a string', JSON.stringify(SECRET), bodyObject],
    ['members behind __proto__', `{"__proto__":${JSON.stringify(registration({ token: SECRET }))}}`, /deviceId/],
    ['no deviceId', { platform: 'ios', token: SECRET }, /deviceId/],
    ['a numeric deviceId', registration({ deviceId: 1 }), /deviceId/],
    ['an array as deviceId', registration({ deviceId: ['phone-1'] }), /deviceId/],
    ['an empty deviceId', registration({ deviceId: '' }), /deviceId/],
    ['a deviceId of 129 characters', registration({ deviceId: 'x'.repeat(129) }), /deviceId/],
    ['a deviceId with a line end', registration({ deviceId: 'phone-1\n' }), /deviceId/],
    ['a deviceId with other characters', registration({ deviceId: 'phone 1' }), /deviceId/],
    ['no platform', { deviceId: 'phone-1', token: SECRET }, /platform/],
    ['another platform', registration({ platform: SECRET }), /platform must be one of ios, android/],
    ['a platform in capitals', registration({ platform: 'iOS' }), /platform/],
    ['a platform named like a part of a prototype', registration({ platform: 'constructor' }), /platform/],
    ['an object as platform', registration({ platform: { ios: true } }), /platform/],
    ['no token', { deviceId: 'phone-1', platform: 'ios' }, /token/],
    ['a null token', registration({ token: null }), /token/],
    ['an array as token', registration({ token: [SECRET] }), /token/],
    ['a short token', registration({ token: 'ab'.repeat(31) }), /64 to 200/],
    ['an odd number of digits', registration({ token: `${'ab'.repeat(32)}a` }), /token/],
    ['a long token', registration({ token: 'ab'.repeat(101) }), /token/],
    ['an ios token that is not hexadecimal', registration({ token: ANDROID_TOKEN }), /hexadecimal/],
    ['a token with a line end', registration({ token: `${IOS_TOKEN}\n` }), /token/],
    ['a short android token', registration({ platform: 'android', token: 'x'.repeat(31) }), /32 to 4096/],
    ['a long android token', registration({ platform: 'android', token: 'x'.repeat(4097) }), /token/],
    ['an android token with a space', registration({ platform: 'android', token: `${'x'.repeat(40)} y` }), /token/],
    ['a body of more than 8192 bytes', registration({ padding: 'x'.repeat(8192) }), /8192 bytes/],
    ['a body of fewer characters but more bytes', registration({ padding: '€'.repeat(3000) }), /8192 bytes/],
  ];

  for (const [name, body, reason] of cases) {
    it(name, async () => {
      const { lines, send } = refusing();
      const response = await send(post(randomUUID(), body));

      assert.equal(response.status, 400);
      assert.equal(response.body.error, 'bad_request');
      assert.match(response.body.reason, reason);
      assert.doesNotMatch(response.raw + lines.join(), new RegExp(SECRET), 'what was sent must not come back');
    });
  }

  it('a base64 body that holds no JSON', async () => {
    const response = await refusing().send(post(randomUUID(), '!!!!', { isBase64Encoded: true }));
    assert.equal(response.status, 400);
  });

  it('a base64 body that is not UTF-8', async () => {
    const body = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]).toString('base64');
    const response = await refusing().send(post(randomUUID(), body, { isBase64Encoded: true }));
    assert.equal(response.status, 400);
    assert.match(response.body.reason, /UTF-8/);
  });

  it('a base64 body that is too large once decoded', async () => {
    const body = Buffer.from(JSON.stringify(registration({ padding: 'x'.repeat(8192) }))).toString('base64');
    const response = await refusing().send(post(randomUUID(), body, { isBase64Encoded: true }));
    assert.match(response.body.reason, /8192 bytes/);
  });
});

describe('DELETE', { concurrency: true }, () => {
  it('removes one device and leaves the others', async () => {
    const [userId, other] = [randomUUID(), randomUUID()];
    const { send } = subject();
    await send(post(userId, registration()));
    await send(post(userId, registration({ deviceId: 'phone-2' })));
    await send(post(other, registration()));

    const response = await send(del(userId, 'phone-1'));

    assert.equal(response.status, 204);
    assert.equal(response.raw, '');
    assert.equal(await item(userId, 'phone-1'), undefined);
    assert.ok(await item(userId, 'phone-2'));
    assert.ok(await item(other, 'phone-1'));
  });

  it('is idempotent, and a later POST starts afresh', async () => {
    const userId = randomUUID();
    const { send, clock } = subject();
    await send(post(userId, registration()));

    assert.equal((await send(del(userId, 'phone-1'))).status, 204);
    assert.equal((await send(del(userId, 'phone-1'))).status, 204);

    clock.time += 1000;
    const again = await send(post(userId, registration()));
    assert.equal(again.status, 201);
    assert.equal(again.body.createdAt, '2025-10-15T12:00:01.500Z');
  });

  it('reads the query with single values only', async () => {
    const event = del(randomUUID(), 'phone-1', { multiValueQueryStringParameters: null });
    assert.equal((await subject().send(event)).status, 204);
  });

  for (const [name, overrides] of [
    ['no query', { queryStringParameters: null, multiValueQueryStringParameters: null }],
    ['no deviceId', { queryStringParameters: { device: 'x' }, multiValueQueryStringParameters: { device: ['x'] } }],
    ['an empty deviceId', { queryStringParameters: { deviceId: '' }, multiValueQueryStringParameters: { deviceId: [''] } }],
    ['two deviceIds', { multiValueQueryStringParameters: { deviceId: ['phone-1', 'phone-2'] } }],
    ['a deviceId with other characters', { multiValueQueryStringParameters: { deviceId: ['../phone'] } }],
    ['a deviceId in the body only', { queryStringParameters: null, multiValueQueryStringParameters: null, body: '{"deviceId":"phone-1"}' }],
  ]) {
    it(`refuses ${name}`, async () => {
      const response = await refusing().send(del(randomUUID(), 'phone-1', overrides));
      assert.equal(response.status, 400);
      assert.match(response.body.reason, /deviceId/);
    });
  }
});

describe('the user', { concurrency: true }, () => {
  it('is the Cognito identity of a signed request', async () => {
    const identityId = `us-east-1:${randomUUID()}`;
    const event = post(undefined, registration(), { requestContext: { identity: { cognitoIdentityId: identityId } } });

    assert.equal((await subject().send(event)).status, 201);
    assert.ok(await item(identityId, 'phone-1'));
  });

  it('is the claims before the identity', async () => {
    const [sub, cognitoIdentityId] = [randomUUID(), randomUUID()];
    const event = post(undefined, registration(), { requestContext: { authorizer: { claims: { sub } }, identity: { cognitoIdentityId } } });

    assert.equal((await subject().send(event)).status, 201);
    assert.ok(await item(sub, 'phone-1'));
    assert.equal(await item(cognitoIdentityId, 'phone-1'), undefined);
  });

  for (const [name, requestContext] of [
    ['no request context', undefined],
    ['no authorizer', {}],
    ['no claims', { authorizer: {} }],
    ['null claims', { authorizer: { claims: null } }],
    ['claims without sub', { authorizer: { claims: { email: 'a@example.com' } } }],
    ['an empty sub', { authorizer: { claims: { sub: '' } } }],
    ['a numeric sub', { authorizer: { claims: { sub: 7 } } }],
    ['a sub too long for a key', { authorizer: { claims: { sub: 'x'.repeat(257) } } }],
    ['an IAM principal only', { identity: { cognitoIdentityId: null, userArn: 'arn:aws:iam::123456789012:user/someone' } }],
  ]) {
    for (const event of [post('', registration(), { requestContext }), del('', 'phone-1', { requestContext })]) {
      it(`is unknown with ${name}: ${event.httpMethod} gets 401`, async () => {
        const response = await refusing().send(event);
        assert.equal(response.status, 401);
        assert.deepEqual(response.body, { error: 'unauthorized' });
      });
    }
  }
});

describe('routes', { concurrency: true }, () => {
  for (const event of [
    post(randomUUID(), registration(), { resource: '/v1' }),
    post(randomUUID(), registration(), { resource: '/v1/device-tokens/' }),
    post(randomUUID(), registration(), { resource: undefined }),
    {},
    null,
  ]) {
    it(`answers 404 to ${event?.resource ?? JSON.stringify(event)}`, async () => {
      assert.equal((await refusing().send(event)).status, 404);
    });
  }

  for (const method of ['GET', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'post', 'constructor', undefined]) {
    it(`answers 405 to ${method}`, async () => {
      const response = await refusing().send(request(method, randomUUID()));
      assert.equal(response.status, 405);
      assert.equal(response.headers.allow, 'POST, DELETE');
    });
  }
});

describe('DynamoDB', { concurrency: true }, () => {
  it('is asked for nothing but what the role allows', async () => {
    const client = dynamoDB(moto.url);
    const operations = new Set();
    client.middlewareStack.add((next, { commandName }) => (args) => (operations.add(commandName), next(args)), { step: 'initialize' });
    const { send } = subject({ client: DynamoDBDocumentClient.from(client) });
    const userId = randomUUID();

    for (const event of [post(userId, registration()), post(userId, registration()), del(userId, 'phone-1')]) await send(event);

    assert.deepEqual([...operations].sort(), ['DeleteItemCommand', 'UpdateItemCommand']);
  });

  it('failing gives 500 without its reason', async () => {
    for (const event of [post(randomUUID(), registration()), del(randomUUID(), 'phone-1')]) {
      const { send, lines } = subject({ tableName: 'no-such-table' });
      const response = await send(event);

      assert.equal(response.status, 500);
      assert.deepEqual(response.body, { error: 'internal_error' });
      const { level, status, error } = JSON.parse(lines[0]);
      assert.deepEqual({ level, status, name: error.name }, { level: 'error', status: 500, name: 'ResourceNotFoundException' });
    }
  });

  for (const event of [post(randomUUID(), registration()), del(randomUUID(), 'phone-1')]) {
    it(`not answering a ${event.httpMethod} gives 500 before the function times out`, { timeout: 5000 }, async (t) => {
      const silent = createServer(() => {});
      const { url } = await listen(silent);
      const client = dynamoDB(url);
      t.after(() => {
        client.destroy();
        silent.closeAllConnections();
        silent.close();
      });

      const { send } = subject({ client: DynamoDBDocumentClient.from(client) });
      const response = await send(event, { getRemainingTimeInMillis: () => 1000 });

      assert.equal(response.status, 500);
    });
  }
});

describe('the log', () => {
  it('has one line of JSON a request', async () => {
    const userId = randomUUID();
    const { send, lines } = subject();
    await send(post(userId, registration()));
    await send(request('<script>', userId));

    const [registered, refused] = lines.map((line) => JSON.parse(line));
    assert.equal(lines.length, 2);
    assert.deepEqual(
      { ...registered, durationMs: 0 },
      { level: 'info', message: 'request', requestId: 'request-1', method: 'POST', status: 201, durationMs: 0 },
    );
    assert.equal(refused.method, 'other');
  });
});

// Fails the test if a request that should have been refused gets as far as the table.
function refusing() {
  const lines = [];
  const handle = createHandler({ store: unusedStore(), write: (line) => lines.push(line) });
  return {
    lines,
    async send(event) {
      const response = await handle(event, CONTEXT);
      return { status: response.statusCode, headers: response.headers, body: JSON.parse(response.body), raw: response.body };
    },
  };
}
