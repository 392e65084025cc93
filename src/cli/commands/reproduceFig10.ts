import type { Command } from 'commander';
import { runJob } from '../job.js';
import { addGradCamOptions, gradCamOptionsOf, withoutImages, type GradCamCommandOptions } from './gradCam.js';

/** Adds `reproduce fig10`. */
export function addFig10Command(reproduce: Command): void {
  addGradCamOptions(
    reproduce
      .command('fig10')
      .description('Fig. 10: heat maps of a fine-tuned run beside the ERM run before it, with the report'),
  ).action(async (options: GradCamCommandOptions) => {
    await runJob(options, async (output, control) => {
      const [{ reproduceFig10 }, { figureTables }] = await Promise.all([
        import('../../reproduce/fig10.js'),
        import('../figureTables.js'),
      ]);
      const result = await reproduceFig10(gradCamOptionsOf(options, control));
      const { gradCam, json, csv, report } = result;
      const text = [...figureTables([result], output.color), 'Results:', `  ${json}`, `  ${csv}`];
      output.result([...text, `Report: ${report}`].join('\n'), {
        run: options.run,
        report,
        figures: [json, csv],
        gradCam: withoutImages(gradCam),
      });
    });
  });
}
