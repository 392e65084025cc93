import { describeExported } from './exportedCases.js';

// Larger networks, and one beside the built-in network of its name: exported.slow.test.ts.
describeExported([
  {
    network: 'branches',
    batch: 6,
    height: 24,
    width: 20,
    layers: ['small.weight', 'large.weight', 'last.weight'],
    steps: 10,
  },
]);
