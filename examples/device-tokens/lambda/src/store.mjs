// Device tokens in DynamoDB. Each operation is one write, so that requests for
// the same device can't come between its parts.

import { DeleteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';

const SECONDS_A_DAY = 24 * 60 * 60;

/**
 * @param {object} options
 * @param {import('@aws-sdk/lib-dynamodb').DynamoDBDocumentClient} options.client
 * @param {string} options.tableName table with the keys userId and deviceId
 * @param {number} options.lifetimeDays days until a token expires unless renewed
 * @param {() => number} [options.now] milliseconds since 1970
 */
export function createStore({ client, tableName, lifetimeDays, now = Date.now }) {
  return { register, remove };

  /**
   * Stores a device's token, or renews it: createdAt stays, all else is as told
   * last. An expired token counts as there until DynamoDB has deleted it.
   *
   * @returns {Promise<{created: boolean, deviceId: string, platform: string, createdAt: string, expiresAt: number}>}
   *   expiresAt in seconds since 1970, as DynamoDB's time to live wants it
   */
  async function register({ userId, deviceId, platform, token }, { abortSignal } = {}) {
    const time = now();
    const updatedAt = new Date(time).toISOString();
    const expiresAt = Math.floor(time / 1000) + lifetimeDays * SECONDS_A_DAY;

    const { Attributes: before } = await client.send(
      new UpdateCommand({
        TableName: tableName,
        Key: { userId, deviceId },
        UpdateExpression:
          'SET #platform = :platform, #token = :token, #expiresAt = :expiresAt,' +
          ' #updatedAt = :updatedAt, #createdAt = if_not_exists(#createdAt, :updatedAt)',
        ExpressionAttributeNames: {
          '#platform': 'platform',
          '#token': 'token',
          '#expiresAt': 'expiresAt',
          '#updatedAt': 'updatedAt',
          '#createdAt': 'createdAt',
        },
        ExpressionAttributeValues: {
          ':platform': platform,
          ':token': token,
          ':expiresAt': expiresAt,
          ':updatedAt': updatedAt,
        },
        // What was there before this very write: of several first registrations
        // at once, exactly one finds nothing.
        ReturnValues: 'ALL_OLD',
      }),
      { abortSignal },
    );

    return { created: !before, deviceId, platform, createdAt: before?.createdAt ?? updatedAt, expiresAt };
  }

  /** Removes a device's token. Succeeds as well if there is none. */
  async function remove({ userId, deviceId }, { abortSignal } = {}) {
    await client.send(new DeleteCommand({ TableName: tableName, Key: { userId, deviceId } }), { abortSignal });
  }
}
