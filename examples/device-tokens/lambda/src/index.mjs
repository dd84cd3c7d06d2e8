// The function's entry point: reads its environment once, at start. A setting
// that is missing fails the start, which the errors alarm sees, rather than
// every request.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

import { createHandler } from './handler.mjs';
import { createStore } from './store.mjs';

export const handler = createHandler({
  store: createStore({
    client: DynamoDBDocumentClient.from(new DynamoDBClient()),
    tableName: required('TABLE_NAME'),
    lifetimeDays: positiveInteger('TOKEN_LIFETIME_DAYS'),
  }),
});

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`environment variable ${name} is not set`);
  return value;
}

function positiveInteger(name) {
  const value = Number(required(name));
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`environment variable ${name} must be a whole number above 0`);
  }
  return value;
}
