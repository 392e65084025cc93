const { statSync } = require('node:fs');
const { default: Sequencer } = require('@jest/test-sequencer');

/** Test files of the folder of the changed source first, small ones before large ones. */
module.exports = class MutationSequencer extends Sequencer {
  sort(tests) {
    const [, folder = ''] = /^src\/([^/]+)\//.exec(process.env.SPURMEM_MUTATED ?? '') ?? [];
    const isNear = ({ path }) => path.includes(`/test/${folder}/`);
    return [...tests].sort((a, b) => isNear(b) - isNear(a) || statSync(a.path).size - statSync(b.path).size);
  }
};
