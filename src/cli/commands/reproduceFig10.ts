import type { Command } from 'commander';
import { addJob } from '../job.js';
import { addGradCamOptions, gradCamOptionsOf, withoutImages, type GradCamCommandOptions } from './gradCam.js';

/** Adds `reproduce fig10`. */
export function addFig10Command(reproduce: Command): void {
  const command = reproduce
    .command('fig10')
    .description('Fig. 10: heat maps of a fine-tuned run beside the ERM run before it, with the report');
  addJob<GradCamCommandOptions>(addGradCamOptions(command), async (options, output, control) => {
    const [{ reproduceFig10 }, { gradCamTable }] = await Promise.all([
      import('../../reproduce/fig10.js'),
      import('../gradCamTable.js'),
    ]);
    const { data, gradCam, json, csv, report } = await reproduceFig10(gradCamOptionsOf(options, control));
    output.result(`${gradCamTable(data, gradCam)}\nResults:\n  ${json}\n  ${csv}\nReport: ${report}`, {
      run: options.run,
      report,
      figures: [json, csv],
      gradCam: withoutImages(gradCam),
    });
  });
}
