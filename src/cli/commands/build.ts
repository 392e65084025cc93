import type { Command } from 'commander';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface BuildCommandOptions extends CommonOptions {
  readonly libtorch?: string;
}

export function addBuildCommand(command: Command): void {
  addCommonOptions(
    command.option(
      '--libtorch <folder>',
      'a libtorch zip\u2019s folder or a wheel\u2019s torch folder, which is taken from now on (default: the first that doctor lists)',
    ),
  );
  addJob<BuildCommandOptions>(command, async ({ libtorch }, output, control) => {
    const { buildAddon } = await import('../../native/buildAddon.js');
    const { describeLibtorch } = await import('../../native/libtorch.js');
    const built = await buildAddon({ libtorch, ...control });
    const what = built.reused ? 'There is an addon' : 'Built the addon';
    output.result(
      `${what} for ${describeLibtorch(built.libtorch)}: ${built.path}\nCheck it with npx spurmem doctor.`,
      built,
    );
  });
}
