// The Terraform configuration, applied to moto with the real provider: applies,
// plans clean, says what the baseline says, and fits the handler.
//
// Takes a minute or so. The provider comes from where Terraform is told to look
// (the registry, unless TF_CLI_CONFIG_FILE says otherwise), or from the
// filesystem mirror that HOLDFAST_LAB_MIRROR names.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';

import { DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';

import { createHandler } from '../lambda/src/handler.mjs';
import { createStore } from '../lambda/src/store.mjs';
import { CREDENTIALS, del, dynamoDB, IOS_TOKEN, post, startMoto } from '../lambda/test/support.mjs';

const ROOT_MODULE = new URL('..', import.meta.url).pathname;
const LOCK_FILE = '.terraform.lock.hcl';

/**
 * Applies a copy of the configuration to a moto of its own, until the test ends.
 * Variables reach Terraform as TF_VAR_*; endpointVariable says whether moto does
 * as well, or through AWS_ENDPOINT_URL.
 */
async function applied(t, { variables = {}, endpointVariable = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'device-tokens-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(ROOT_MODULE, folder, { recursive: true, filter: isConfiguration });

  const moto = await startMoto();
  t.after(() => moto.stop());

  const env = {
    ...process.env,
    ...CREDENTIALS,
    ...(await pluginSource(folder)),
    ...(endpointVariable ? { AWS_ENDPOINT_URL: undefined, TF_VAR_endpoint: moto.url } : { AWS_ENDPOINT_URL: moto.url }),
    ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [`TF_VAR_${name}`, value])),
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
  };
  const terraform = (...args) => run('terraform', args, { cwd: folder, env });

  await terraform('init', '-input=false', '-lockfile=readonly');
  await terraform('apply', '-input=false', '-auto-approve', '-no-color');
  return { folder, moto, terraform };
}

// Neither tests, nor what Terraform and npm leave behind, nor anybody's state.
function isConfiguration(path) {
  return !/^(\.terraform|node_modules|tests?|terraform\.tfstate.*)$/.test(basename(path));
}

async function pluginSource(folder) {
  const mirror = process.env.HOLDFAST_LAB_MIRROR;
  if (!mirror) return {};
  const file = join(folder, 'cli.tfrc');
  await writeFile(file, `provider_installation {\n  filesystem_mirror { path = ${JSON.stringify(mirror)} }\n}\n`);
  return { TF_CLI_CONFIG_FILE: file };
}

async function run(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let all = '';
  child.stdout.on('data', (text) => ((stdout += text), (all += text)));
  child.stderr.on('data', (text) => (all += text));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `${command} ${args[0]} ended with ${code}:\n${all}`);
  return stdout;
}

/** What was applied, by address. */
async function resources(terraform) {
  const { values } = JSON.parse(await terraform('show', '-json'));
  return new Map(values.root_module.resources.map((resource) => [resource.address, resource.values]));
}

describe('with the defaults', () => {
  it('applies, plans clean, and is the baseline', async (t) => {
    const { folder, moto, terraform } = await applied(t);

    await terraform('plan', '-input=false', '-detailed-exitcode', '-lock=false', '-no-color');
    assert.equal(await readFile(join(folder, LOCK_FILE), 'utf8'), await readFile(join(ROOT_MODULE, LOCK_FILE), 'utf8'));

    const all = await resources(terraform);
    const managed = [...all.keys()].filter((address) => !address.startsWith('data.')).sort();

    await t.test('resources', () => {
      assert.deepEqual(managed, [
        'aws_api_gateway_deployment.device_tokens',
        'aws_api_gateway_integration.device_tokens["DELETE"]',
        'aws_api_gateway_integration.device_tokens["POST"]',
        'aws_api_gateway_method.device_tokens["DELETE"]',
        'aws_api_gateway_method.device_tokens["POST"]',
        'aws_api_gateway_resource.device_tokens',
        'aws_api_gateway_resource.v1',
        'aws_api_gateway_rest_api.device_tokens',
        'aws_api_gateway_stage.device_tokens',
        'aws_cloudwatch_log_group.device_token',
        'aws_cloudwatch_metric_alarm.dynamodb_system_errors',
        'aws_cloudwatch_metric_alarm.dynamodb_throttling',
        'aws_cloudwatch_metric_alarm.lambda_errors',
        'aws_dynamodb_table.device_tokens',
        'aws_iam_role.device_token',
        'aws_iam_role_policy.device_token',
        'aws_kms_alias.device_tokens',
        'aws_kms_key.device_tokens',
        'aws_lambda_function.device_token',
        'aws_lambda_permission.api_gateway',
      ]);
    });

    await t.test('DynamoDB', async () => {
      const table = all.get('aws_dynamodb_table.device_tokens');
      const key = all.get('aws_kms_key.device_tokens');
      assert.equal(table.name, 'photoeditor-dev-device-tokens');
      assert.equal(table.hash_key, 'userId');
      assert.equal(table.range_key, 'deviceId');
      assert.equal(table.billing_mode, 'PAY_PER_REQUEST');
      assert.equal(table.point_in_time_recovery[0].enabled, true);
      assert.deepEqual(table.server_side_encryption, [{ enabled: true, kms_key_arn: key.arn }]);
      assert.equal(key.enable_key_rotation, true);

      const { TimeToLiveDescription } = await dynamoDB(moto.url).send(new DescribeTimeToLiveCommand({ TableName: table.name }));
      assert.deepEqual(TimeToLiveDescription, { AttributeName: 'expiresAt', TimeToLiveStatus: 'ENABLED' });
    });

    await t.test('Lambda', () => {
      const lambda = all.get('aws_lambda_function.device_token');
      assert.equal(lambda.function_name, 'photoeditor-dev-device-token');
      assert.equal(lambda.runtime, 'nodejs20.x');
      assert.equal(lambda.memory_size, 128);
      assert.equal(lambda.timeout, 10);
      assert.equal(all.get('aws_cloudwatch_log_group.device_token').name, '/aws/lambda/photoeditor-dev-device-token');
    });

    await t.test('API Gateway', () => {
      assert.equal(all.get('aws_api_gateway_resource.v1').path, '/v1');
      assert.equal(all.get('aws_api_gateway_resource.device_tokens').path, '/v1/device-tokens');
      for (const method of ['POST', 'DELETE']) {
        assert.equal(all.get(`aws_api_gateway_method.device_tokens["${method}"]`).authorization, 'AWS_IAM');
        assert.equal(all.get(`aws_api_gateway_integration.device_tokens["${method}"]`).type, 'AWS_PROXY');
      }
    });

    await t.test('IAM: least privilege', () => {
      const { Statement: statements } = JSON.parse(all.get('aws_iam_role_policy.device_token').policy);
      const allowed = Object.fromEntries(statements.map(({ Resource, Action }) => [Resource, Action]));
      assert.deepEqual(allowed, {
        [all.get('aws_dynamodb_table.device_tokens').arn]: ['dynamodb:DeleteItem', 'dynamodb:UpdateItem'],
        [all.get('aws_kms_key.device_tokens').arn]: ['kms:Decrypt'],
        [`${all.get('aws_cloudwatch_log_group.device_token').arn}:*`]: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      });
    });

    await t.test('default tags', () => {
      const tagged = managed.filter((address) => all.get(address).tags_all);
      assert.equal(tagged.length, 10);
      for (const address of tagged) {
        assert.deepEqual(
          all.get(address).tags_all,
          { Project: 'photoeditor', Environment: 'dev', Component: 'device-tokens', ManagedBy: 'terraform' },
          address,
        );
      }
    });

    await t.test('what Lambda would compute is left to Lambda', async () => {
      const source = await readFile(join(ROOT_MODULE, 'lambda.tf'), 'utf8');
      assert.doesNotMatch(source, /ephemeral_storage|logging_config|tracing_config/);
    });

    await t.test('the handler works on the table, with the environment given to it', async () => {
      const { TABLE_NAME, TOKEN_LIFETIME_DAYS } = all.get('aws_lambda_function.device_token').environment[0].variables;
      const client = DynamoDBDocumentClient.from(dynamoDB(moto.url));
      const handler = createHandler({
        store: createStore({ client, tableName: TABLE_NAME, lifetimeDays: Number(TOKEN_LIFETIME_DAYS) }),
        write: () => {},
      });
      const userId = randomUUID();

      const registered = await handler(post(userId, { deviceId: 'phone-1', platform: 'ios', token: IOS_TOKEN }), {});
      assert.equal(registered.statusCode, 201);

      const { Item } = await client.send(new GetCommand({ TableName: TABLE_NAME, Key: { userId, deviceId: 'phone-1' } }));
      const days = (Item.expiresAt - Date.now() / 1000) / 86_400; // the attribute that ttl names
      assert.ok(days > 89 && days <= 90, `${days} days`);

      assert.equal((await handler(del(userId, 'phone-1'), {})).statusCode, 204);
    });
  });
});

describe('with an endpoint, a user pool, an alarm topic, and for production', () => {
  it('applies and plans clean', async (t) => {
    const pool = 'arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_Example';
    const topic = 'arn:aws:sns:eu-central-1:123456789012:alarms';
    const { terraform } = await applied(t, {
      endpointVariable: true,
      variables: {
        environment: 'prod',
        region: 'eu-central-1',
        cognito_user_pool_arns: JSON.stringify([pool]),
        alarm_actions: JSON.stringify([topic]),
        tags: JSON.stringify({ Owner: 'mobile' }),
      },
    });

    await terraform('plan', '-input=false', '-detailed-exitcode', '-lock=false', '-no-color');

    const all = await resources(terraform);
    const table = all.get('aws_dynamodb_table.device_tokens');
    assert.match(table.arn, /:eu-central-1:.*photoeditor-prod-device-tokens$/);
    assert.equal(table.deletion_protection_enabled, true);
    assert.deepEqual(table.tags_all, {
      Project: 'photoeditor',
      Environment: 'prod',
      Component: 'device-tokens',
      ManagedBy: 'terraform',
      Owner: 'mobile',
    });
    assert.deepEqual(all.get('aws_cloudwatch_metric_alarm.lambda_errors').alarm_actions, [topic]);

    const authorizer = all.get('aws_api_gateway_authorizer.cognito[0]');
    assert.deepEqual(authorizer.provider_arns, [pool]);
    for (const method of ['POST', 'DELETE']) {
      const { authorization, authorizer_id } = all.get(`aws_api_gateway_method.device_tokens["${method}"]`);
      assert.equal(authorization, 'COGNITO_USER_POOLS');
      assert.equal(authorizer_id, authorizer.id);
    }

    const policy = JSON.parse(all.get('aws_iam_role_policy.device_token').policy);
    assert.equal(policy.Statement[1].Condition.StringEquals['kms:ViaService'], 'dynamodb.eu-central-1.amazonaws.com');
  });
});
