import { expect, test } from 'vitest';

test('the tests run on the Node 24 that npm brought with the checkout', () => {
  expect(process.version).toMatch(/^v24\./);
});
