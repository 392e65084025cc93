import type { Command } from 'commander';
import { buildAddon, type BuildOptions } from '../../native/install.js';
import { describeLibtorch } from '../../native/libtorch.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

export function addCommand(command: Command): void {
  command.option(
    '--libtorch <folder>',
    'a libtorch zip\u2019s folder or a wheel\u2019s torch folder, used from now on (default: the first that doctor lists)',
  );
  command.option(
    '--gpu',
    'where PyTorch is installed: with all libraries for GPUs (default: if there is an NVIDIA driver)',
  );
  addJob<CommonOptions & BuildOptions>(
    addCommonOptions(command),
    async ({ libtorch, gpu }, output, control) => {
      const built = await buildAddon({ libtorch, gpu, ...control });
      const what = built.reused ? 'There is an addon' : 'Built the addon';
      output.result(
        `${what} for ${describeLibtorch(built.libtorch)}: ${built.path}\nCheck it with npx spurmem doctor.`,
        built,
      );
    },
  );
}
