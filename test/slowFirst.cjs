const { default: Sequencer } = require('@jest/test-sequencer');

const isSlow = ({ path }) => path.endsWith('.slow.test.ts');

/** Jest's order, slow files first: one that begins last would end alone. */
module.exports = class SlowFirst extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => isSlow(b) - isSlow(a));
  }
};
