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
      const [{ reproduceFig10 }, { gradCamTable }] = await Promise.all([
        import('../../reproduce/fig10.js'),
        import('../gradCamTable.js'),
      ]);
      const { dataset, gradCam, json, csv, report } = await reproduceFig10(
        gradCamOptionsOf(options, control),
      );
      output.result(`${gradCamTable(dataset, gradCam)}\nResults:\n  ${json}\n  ${csv}\nReport: ${report}`, {
        run: options.run,
        report,
        figures: [json, csv],
        gradCam: withoutImages(gradCam),
      });
    });
  });
}
