import type { Command } from 'commander';
import { numbers, type Table, texts } from '../../kit/table.js';
import { inspectProgram, type ProgramSummary } from '../../models/exported/program.js';
import { plain } from '../../report/text.js';
import { addJob } from '../job.js';
import type { Output } from '../output.js';
import { textTable } from '../textTable.js';

export function addCommand(model: Command): void {
  const inspect = model
    .command('inspect')
    .description('show a network that torch.export wrote: inputs, head, stages, layers of neurons, operators')
    .argument('<file>', 'what torch.export.save wrote (.pt2)');
  addJob(inspect, [], async (_options, output, _control, [file = '']) => {
    const found = await inspectProgram(file);
    output.result(described(found, output), found);
  });
}

function described(found: ProgramSummary, output: Output): string {
  const { head, imageSize, operators, mappable, mappedByDefault } = found;
  const size = imageSize === null ? 'any size' : `${imageSize.join(' x ')} px`;
  const called = Object.entries(operators).map(([name, count]) => `${name} (${count})`);
  return [
    `${plain(found.file)}: exported by PyTorch ${plain(found.torchVersion)}, ${found.parameters} parameters`,
    `Images: any number, 3 channels, ${size}`,
    head
      ? `Head: ${plain(head.name)}, ${head.features} features, ${found.classes} classes; another number of classes replaces it`
      : `Head: not one linear layer; ${found.classes} classes, which the data must have`,
    ...(found.isEvaluationOnly
      ? ['Exported in evaluation mode: training leaves the batch-norm statistics as they are']
      : []),
    textTable(layerTable(found), output),
    `Grad-CAM: ${plain(mappedByDefault)} by default, of ${mappable.length} layers`,
    `Operators: ${called.map(plain).join(', ')}`,
  ].join('\n');
}

function layerTable({ stages }: ProgramSummary): Table {
  return {
    caption: 'Layers of neurons, by the stages from which a perturbed one is evaluated.',
    columns: [...texts('Stage', 'layer'), ...numbers('neurons', 'weights of each')],
    rows: stages.flatMap(({ name, layers }) =>
      layers.map((layer) => [name, layer.name, String(layer.neurons), String(layer.weights)]),
    ),
  };
}
