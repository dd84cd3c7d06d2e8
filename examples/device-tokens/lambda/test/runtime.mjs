// Stands in for the Lambda runtime in a process of its own, so that a test can
// read everything the function prints: loads the real entry point, and answers
// each event that its parent sends.

const { handler } = await import('../src/index.mjs');

process.on('message', async ({ event, remainingMs }) => {
  const until = Date.now() + remainingMs;
  const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => until - Date.now() };
  process.send({ response: await handler(event, context) });
});
process.send({ ready: true });
