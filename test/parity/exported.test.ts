import { describeExported } from './exportedCases.js';

// Larger networks, and one compared with the built-in network of its name: exported.slow.test.ts.
describeExported([
  { network: 'branches', batch: 6, height: 24, width: 20, scores: true, steps: 10 },
  { network: 'drops-inplace', batch: 16, height: 12, width: 12, steps: 3 },
  { network: 'drops-outside', batch: 16, height: 12, width: 12, steps: 3 },
]);
