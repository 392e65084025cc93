import type { Command } from 'commander';
import { addJob } from '../job.js';
import { addCommonOptions } from '../options.js';

export function addDoctorCommand(command: Command): void {
  addJob(addCommonOptions(command), async (_options, output) => {
    const { diagnose } = await import('../diagnose.js');
    const checks = await diagnose();
    const signs = { ok: 'ok  ', warning: 'WARN', error: 'FAIL' } as const;
    const lines = checks.map(({ status, name, found, fix }) =>
      [`${signs[status]} ${name}: ${found}`, ...(fix === undefined ? [] : [fix])]
        .join('\n')
        .replaceAll('\n', '\n       '),
    );
    output.result(lines.join('\n'), { checks });
    if (checks.some(({ status }) => status === 'error')) process.exitCode = 1;
  });
}
