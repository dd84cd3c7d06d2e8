// Reads what a request says and checks it. A reason names the field and the rule,
// never the value.

/** A request the client has to change. Its message goes back to the client. */
export class BadRequest extends Error {
  name = 'BadRequest';
}

// Far above a real request (a token and two short fields), far below API
// Gateway's 10 MB.
const MAX_BODY_BYTES = 8 * 1024;

const DEVICE_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const DEVICE_ID_RULE = 'deviceId must be 1 to 128 letters, digits or . _ : -';

// Apple and Google both say that a token's length may change: these are bounds,
// not formats. A Map, so that "constructor" is no platform.
const TOKEN_RULES = new Map([
  ['ios', { pattern: /^(?:[0-9A-Fa-f]{2}){32,100}$/, rule: 'token must be 64 to 200 hexadecimal digits on ios' }],
  ['android', { pattern: /^[A-Za-z0-9_:.-]{32,4096}$/, rule: 'token must be 32 to 4096 letters, digits or _ : . - on android' }],
]);

/**
 * The user that API Gateway vouches for: a Cognito user pool's subject, or, for
 * requests signed with credentials of a Cognito identity pool (AWS_IAM), the
 * identity's id. Never the IAM principal: all users of an identity pool share it.
 *
 * @returns {string | undefined}
 */
export function userIdFromContext(requestContext) {
  const candidates = [requestContext?.authorizer?.claims?.sub, requestContext?.identity?.cognitoIdentityId];
  return candidates.find((id) => typeof id === 'string' && id.length > 0 && id.length <= 256);
}

/** @returns {{deviceId: string, platform: string, token: string}} */
export function registrationFromBody(event) {
  const { deviceId, platform, token } = parseObject(bodyText(event));

  if (!matches(deviceId, DEVICE_ID)) throw new BadRequest(DEVICE_ID_RULE);

  const tokenRule = TOKEN_RULES.get(platform);
  if (!tokenRule) throw new BadRequest(`platform must be one of ${[...TOKEN_RULES.keys()].join(', ')}`);

  if (!matches(token, tokenRule.pattern)) throw new BadRequest(tokenRule.rule);

  return { deviceId, platform, token };
}

/**
 * DELETE names the device in the query (?deviceId=...): HTTP gives a body no
 * meaning there, and some proxies drop it.
 *
 * @returns {string}
 */
export function deviceIdFromQuery(event) {
  const values = event.multiValueQueryStringParameters?.deviceId ?? [event.queryStringParameters?.deviceId];

  // Which of two devices was meant? Better none than the wrong one.
  if (values.length !== 1 || !matches(values[0], DEVICE_ID)) {
    throw new BadRequest(`the query must name one device: ${DEVICE_ID_RULE}`);
  }
  return values[0];
}

function bodyText({ body, isBase64Encoded }) {
  if (typeof body !== 'string' || body === '') throw new BadRequest('the body must be a JSON object');

  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.length > MAX_BODY_BYTES) throw new BadRequest(`the body must not exceed ${MAX_BODY_BYTES} bytes`);

  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new BadRequest('the body must be UTF-8');
  }
}

function parseObject(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadRequest('the body must be a JSON object'); // the parser's own message quotes the text
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new BadRequest('the body must be a JSON object');
  }
  return value;
}

// test() would turn a number or an array into text first.
function matches(value, pattern) {
  return typeof value === 'string' && pattern.test(value);
}
