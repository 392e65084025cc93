import type { Command } from 'commander';
import { buildAddon, type BuildOptions } from '../../native/install.js';
import { describeLibtorch } from '../../native/libtorch.js';
import { addJob } from '../job.js';
import { ownOptions } from '../options.js';

const OPTIONS = ownOptions<Pick<BuildOptions, 'libtorch' | 'gpu'>>((command) =>
  command
    .option(
      '--libtorch <folder>',
      'a libtorch zip\u2019s folder or a wheel\u2019s torch folder, used from now on (default: the first that doctor lists)',
    )
    .option(
      '--gpu',
      'where PyTorch is installed: with all libraries for GPUs (default: if there is an NVIDIA driver)',
    ),
);

export function addCommand(command: Command): void {
  addJob(command, [OPTIONS], async (given, output, control) => {
    const built = await buildAddon({ ...given, ...control });
    const what = built.reused ? 'There is an addon' : 'Built the addon';
    output.result(
      `${what} for ${describeLibtorch(built.libtorch)}: ${built.path}\nCheck it with npx spurmem doctor.`,
      built,
    );
  });
}
