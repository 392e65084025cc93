import type { Command } from 'commander';
import { engineOptions } from '../../native/engine.js';
import { accuracyTable } from '../../report/figures/accuracy.js';
import { changeParts } from '../../report/figures/changes.js';
import { groupLabels } from '../../report/groupLabels.js';
import { changeRows } from '../../report/rows.js';
import { comparisonTable } from '../../report/sections/comparison.js';
import { reproduceQuickstart } from '../../study/quickstart.js';
import { addJob } from '../job.js';
import { addComputeOptions, type ComputeOptions, pick } from '../options.js';
import { textTables } from '../textTable.js';
import { addFig10Command } from './gradCam.js';
import { addPart1Commands } from './reproducePart1.js';

interface QuickstartCommandOptions extends ComputeOptions {
  readonly data: string;
  readonly out: string;
  readonly weights?: string;
  readonly fashionMnist?: string;
}

export function addCommand(reproduce: Command): void {
  addPart1Commands(reproduce);
  const quickstart = reproduce
    .command('quickstart')
    .description('the main job on real images: train, trace, fine-tune, report')
    .option('--data <folder>', 'folder for the dominoes benchmark', 'data')
    .option('--out <run>', 'run folder', 'runs/quickstart')
    .option('--weights <file>', 'safetensors or PyTorch file to start from instead of pretraining')
    .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files');
  addJob<QuickstartCommandOptions>(addComputeOptions(quickstart), async (options, output, control) => {
    const { dataset, ...result } = await reproduceQuickstart({
      ...pick(options, 'data', 'out', 'weights', 'fashionMnist', 'seed'),
      ...engineOptions(options),
      ...control,
      onStep: output.info,
      onEpoch: output.epochLines(),
    });
    const { run, report, erm, trace, comparison, finetuneReport } = result;
    const groups = groupLabels(dataset);
    const changes = changeParts('fig2', changeRows([trace], dataset.groupNames), groups);
    const tables = [accuracyTable(erm, groups), ...changes.tables, comparisonTable(comparison, groups)];
    output.result(
      [
        textTables(tables, output),
        ...changes.verdict,
        `Run: ${run}`,
        `Report: ${report}`,
        `Report of fine-tuning: ${finetuneReport}`,
      ].join('\n'),
      { run, report, erm, trace, comparison, finetuneReport },
    );
  });
  addFig10Command(reproduce);
}
