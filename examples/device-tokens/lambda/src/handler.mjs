// Routes a request of an API Gateway REST API (Lambda proxy integration, payload
// format 1.0) and turns the outcome into a response and one line of log.
//
// A push token lets its holder address a device, so no token, and nothing that a
// client sent, is ever logged or quoted in an answer.

import { BadRequest, deviceIdFromQuery, registrationFromBody, userIdFromContext } from './request.mjs';

const PATH = '/v1/device-tokens';

// Time kept back from DynamoDB calls, so that a slow one still gets an answer of
// ours rather than the gateway's 502 for a timed-out function.
const ANSWER_RESERVE_MS = 500;

/**
 * @param {object} options
 * @param {{register: Function, remove: Function}} options.store see store.mjs
 * @param {(line: string) => void} [options.write] takes one line of JSON
 */
export function createHandler({ store, write = console.log }) {
  const methods = new Map([
    ['POST', register],
    ['DELETE', remove],
  ]);

  return async function handler(event, context) {
    const started = performance.now();
    const { response, error } = await answer(event, context);

    write(
      JSON.stringify({
        level: error ? 'error' : 'info',
        message: 'request',
        requestId: context?.awsRequestId,
        method: methods.has(event?.httpMethod) ? event.httpMethod : 'other',
        status: response.statusCode,
        durationMs: Math.round(performance.now() - started),
        ...(error && { error: describe(error) }),
      }),
    );
    return response;
  };

  async function answer(event, context) {
    try {
      if (event?.resource !== PATH) return { response: failure(404, 'not_found') };

      const operation = methods.get(event.httpMethod);
      if (!operation) {
        const allow = [...methods.keys()].join(', ');
        return { response: failure(405, 'method_not_allowed', undefined, { allow }) };
      }

      const userId = userIdFromContext(event.requestContext);
      if (!userId) return { response: failure(401, 'unauthorized') };

      return { response: await operation(event, userId, deadline(context)) };
    } catch (error) {
      if (error instanceof BadRequest) return { response: failure(400, 'bad_request', error.message) };
      return { response: failure(500, 'internal_error'), error };
    }
  }

  async function register(event, userId, abortSignal) {
    const registration = registrationFromBody(event);
    const { created, ...device } = await store.register({ userId, ...registration }, { abortSignal });
    return json(created ? 201 : 200, device);
  }

  async function remove(event, userId, abortSignal) {
    const deviceId = deviceIdFromQuery(event);
    await store.remove({ userId, deviceId }, { abortSignal });
    return { statusCode: 204, headers: { 'cache-control': 'no-store' }, body: '' };
  }
}

function deadline(context) {
  const remaining = context?.getRemainingTimeInMillis?.();
  return remaining === undefined ? undefined : AbortSignal.timeout(Math.max(0, remaining - ANSWER_RESERVE_MS));
}

// Not the error's message: DynamoDB's can repeat values of the request.
function describe(error) {
  return {
    name: error?.name,
    httpStatus: error?.$metadata?.httpStatusCode,
    awsRequestId: error?.$metadata?.requestId,
    attempts: error?.$metadata?.attempts,
  };
}

function failure(statusCode, error, reason, headers) {
  return json(statusCode, { error, reason }, headers);
}

function json(statusCode, body, headers) {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}
