// Where libtorch is, for binding.gyp: `node scripts/libtorch.cjs include|ldflags|libraries`.
// LIBTORCH names the folder of a libtorch zip or a pip wheel's torch folder; without it, Debian's libtorch-dev.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const root = process.env.LIBTORCH;
const include = root ? join(root, 'include') : '/usr/include';
if (!existsSync(join(include, 'ATen/ATen.h'))) {
  console.error(
    `libtorch's headers are not in ${include}: install libtorch-dev, or set LIBTORCH to the folder of a libtorch zip.`,
  );
  process.exit(1);
}
const cuda = root && existsSync(join(root, 'lib/libtorch_cuda.so'));
const answers = {
  include: [include, join(include, 'torch/csrc/api/include')],
  ldflags: [
    '-Wl,--no-as-needed',
    ...(root ? [`-L${join(root, 'lib')}`, `-Wl,-rpath,${join(root, 'lib')}`] : []),
  ],
  libraries: ['-ltorch', '-ltorch_cpu', '-lc10', ...(cuda ? ['-ltorch_cuda', '-lc10_cuda'] : [])],
};
console.log(answers[process.argv[2]].join('\n'));
