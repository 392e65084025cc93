import { runScript } from './script.js';

test('500 training steps leave no live handle and hardly grow the process', () => {
  const { stdout, stderr } = runScript('trainSteps.mjs');
  expect(stderr).toBe('');
  const { growth, left } = JSON.parse(stdout) as { growth: number; left: number };
  process.stdout.write(`  memory: ${growth.toFixed(1)} MB from step 50 to step 500 (limit 20)\n`);
  expect(growth).toBeLessThan(20);
  expect(left).toBe(0);
});
