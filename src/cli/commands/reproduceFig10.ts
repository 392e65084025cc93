import type { Command } from 'commander';
import { addJob } from '../job.js';
import { addGradCamOptions, type GradCamCommandOptions, gradCamOptionsOf, withoutImages } from './gradCam.js';

/** Adds `reproduce fig10`. */
export function addFig10Command(reproduce: Command): void {
  const command = reproduce
    .command('fig10')
    .description('Fig. 10: heat maps of a fine-tuned run beside the ERM run before it, with the report');
  addJob<GradCamCommandOptions>(addGradCamOptions(command), async (options, output, control) => {
    const [{ reproduceFig10 }, { figureTables }] = await Promise.all([
      import('../../reproduce/fig10.js'),
      import('../figureTables.js'),
    ]);
    const figure = await reproduceFig10(gradCamOptionsOf(options, control));
    const { gradCam, json, csv, report } = figure;
    const tables = figureTables([figure], output.color);
    const text = [...tables, `Results:\n  ${json}\n  ${csv}`, `Report: ${report}`];
    output.result(text.join('\n'), {
      run: options.run,
      report,
      figures: [json, csv],
      gradCam: withoutImages(gradCam),
    });
  });
}
