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
      'a libtorch zip\u2019s folder or a pip wheel\u2019s torch folder (default: LIBTORCH, that of python3, or Debian\u2019s)',
    ),
  );
  addJob<BuildCommandOptions>(command, async ({ libtorch }, output, control) => {
    const { buildAddon } = await import('../../native/buildAddon.js');
    const built = await buildAddon({ libtorch, ...control });
    const what = built.reused ? 'The addon had been built' : 'Built the addon';
    const { version, root, source } = built.libtorch;
    output.result(
      `${what} against libtorch ${version} in ${root} (${source}): ${built.path}\nCheck it with npx spurmem doctor.`,
      built,
    );
  });
}
