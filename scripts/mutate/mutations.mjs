/**
 * Changes of behaviour that a test must notice, by file: a text that the file has once, and its replacement. Each compiles, and
 * changes the behaviour.
 */
const BY_FILE = {
  'src/checksum.ts': [['if (sum === checksum(json)) return json;', 'if (sum !== undefined) return json;']],
  // Data
  'src/data/dataset.ts': [['ofClass / numSpurious / 2', 'ofClass / numSpurious']],
  'src/data/examples.ts': [['group: ofY * numSpurious + ofA,', 'group: ofA * numClasses + ofY,']],
  'src/data/imageStore.ts': [
    ["if (sum !== checksum(text)) throw new Error('the index has changed');", ''],
    ['?? file.states[i]) === file.states[i]', '?? file.states[i]) !== ""'],
    ['checksum: crc32(image.pixels)', 'checksum: 0'],
    ['!isStored.has(filename)', 'filename.length > 0'],
  ],
  'src/data/sampling.ts': [
    ['parts.length / (sizes.get(part) as number)', '(sizes.get(part) as number) / parts.length'],
    ['generator.random(); // The base seed, as above.', '//'],
    ['return count <= smallest;', 'return count <= smallest + 1;'],
    [
      'generator.uniform(0, 1) < Math.fround(probability)',
      'generator.uniform(0, 1) > Math.fround(probability)',
    ],
    ['area / aspect)', 'area * aspect)'],
  ],
  'src/data/geometry.ts': [
    [
      'start: size > crop ? roundToEven((size - crop) / 2) : 0',
      'start: size > crop ? Math.ceil((size - crop) / 2) : 0',
    ],
    ['size[1] - columns.place - columns.count : columns.place', 'columns.place : columns.place'],
    ['const longer = Math.trunc(', 'const longer = Math.round('],
  ],
  'src/data/heldOut.ts': [['names.size <= missing.length * each', 'names.size < missing.length * each']],
  'src/data/layouts/imageFolder.ts': [
    ['for (const folder of inside.sort())', 'for (const folder of inside)'],
    ['before !== value', 'before === value'],
    ['images: images.sort().map(', 'images: images.sort().reverse().map('],
  ],
  // Metrics
  'src/metrics/groups.ts': [
    ['average: sum(correct) / sum(total)', 'average: sum(accuracy) / accuracy.length'],
    ['accuracy.indexOf(worstGroupAccuracy)', 'accuracy.lastIndexOf(worstGroupAccuracy)'],
    ['value * (trainTotal[group] ?? 0)', 'value * (total[group] ?? 0)'],
  ],
  'src/metrics/holm.ts': [
    ['(tests.length - rank) * p', '(tests.length + rank) * p'],
    ['largest = Math.max(largest, Math.min(1, ', 'largest = Math.max(0, Math.min(1, '],
  ],
  'src/metrics/intervals.ts': [
    ['normal.inv((1 + LEVEL) / 2, 0, 1)', 'normal.inv(LEVEL, 0, 1)'],
    ['Math.sqrt(variance / count)', 'Math.sqrt(variance / (count - 1))'],
  ],
  'src/metrics/monteCarlo.ts': [
    ['(found + 1) / (nullDraws + 1)', 'found / nullDraws'],
    ['draw <= observed + TIE', 'draw < observed - TIE'],
  ],
  'src/metrics/signFlip.ts': [['Math.abs(sum) >= observed - tie', 'Math.abs(sum) >= observed + tie']],
  'src/metrics/mannWhitney.ts': [['(n * m) / 2 - 0.5)', '(n * m) / 2)']],
  'src/metrics/loss.ts': [['using probabilities = await logits.softmax();', 'const probabilities = logits;']],
  // Neurons: score, select, perturb, nulls
  'src/neurons/score.ts': [['await loss.backward(size / indices.length)', 'await loss.backward(1)']],
  'src/neurons/samples.ts': [
    ["gradientOrder === 'highest-loss' ? -1 : 1", "gradientOrder === 'highest-loss' ? 1 : -1"],
    ['slice(0, gradientDrawn)', 'slice(-gradientDrawn)'],
  ],
  'src/neurons/select.ts': [
    ['Math.ceil(fraction * numNeurons)', 'Math.floor(fraction * numNeurons)'],
    ['scoreAt(b) - scoreAt(a) || a - b', 'scoreAt(b) - scoreAt(a) || b - a'],
  ],
  'src/neurons/perturb.ts': [
    ['new (native().Generator)(seed)', 'new (native().Generator)(seed + 1)'],
    ['values.set(row, i * size)', 'values.set(row, (sorted.length - 1 - i) * size)'],
    [
      '`sigma ${sigma ?? 0} seed ${seed} of ${order}`',
      '`sigma ${sigma ?? 0} seed ${Math.min(seed, 1)} of ${order}`',
    ],
  ],
  'src/neurons/criteria/gradientXWeightContrast.ts': [
    ['score - (others[i] as number)', 'score + (others[i] as number)'],
  ],
  'src/neurons/criteria/unitmem.ts': [['(indices.length - 1)', 'indices.length']],
  'src/neurons/criteria/learnedMask.ts': [['await model.loadStateDict(Object.fromEntries(own));', '']],
  'src/neurons/perturbation.ts': [['!Number.isFinite(value)', 'Number.isNaN(value)']],
  'src/neurons/criteria/magnitude.ts': [
    ["magnitudeLayers === 'all' ? layers", "magnitudeLayers !== 'all' ? layers"],
  ],
  'src/neurons/perturbations.ts': [["edit: 'add'", "edit: 'replace'"]],
  'src/neurons/nulls.ts': [
    ['(other) => other !== index', '(other) => other !== index + 1'],
    ['distance(a) - distance(b) || a - b', 'distance(b) - distance(a) || a - b'],
  ],
  // Experiments
  'src/extras/atlas/observe.ts': [
    ['(value - moments.mean) / Math.sqrt(', '(value - moments.mean) / Math.abs('],
    ['(list.length > max) list.pop()', '(list.length > max) list.shift()'],
  ],
  'src/extras/atlas/atlas.ts': [
    ['(now - then) ** 2', '(now + then) ** 2'],
    ['if (was === is) continue;', 'if (was !== is) continue;'],
  ],
  'src/models/receptiveField.ts': [['size + (kernel - 1) * step', 'size + kernel * step']],
  'src/experiments/evaluateVariants.ts': [
    ['first = Math.min(first, found.stage)', 'first = found.stage'],
    ['of groups ?? allGroups) entry', 'of groups?.slice(0, 1) ?? allGroups) entry'],
    ['costs.subarray(stage)', 'costs.subarray(stage + 1)'],
  ],
  'src/experiments/outcomes.ts': [
    ['(gained - lost) / total', '(lost - gained) / total'],
    ['own > other || (own === other && isFirst)', 'own > other || (own === other && !isFirst)'],
    ['margins[i] = own - other;', 'margins[i] = other - own;'],
  ],
  'src/experiments/compareWithRandom.ts': [
    [
      'JSON.stringify([name, perturbation, key(ordered)])',
      'JSON.stringify([name, perturbation.kind, key(ordered)])',
    ],
  ],
  'src/experiments/samples.ts': [
    ['Math.max(samples, largest)', 'Math.min(samples, largest)'],
    ['train.filter((index) => !drawn.has(index))', 'train'],
    ['counts.train.indexOf(1)', 'counts.train.indexOf(0)'],
  ],
  'src/experiments/traceSession.ts': [['? this.#training.judgedOn :', '? this.dataset.splits.train :']],
  'src/experiments/minimal.ts': [['probabilityFewer = 1 - u / ', 'probabilityFewer = u / ']],
  'src/experiments/memorization.ts': [
    ['Math.hypot(rightIn.se, rightOut.se)', 'rightIn.se + rightOut.se'],
    ['(mean * (1 - mean)) / count', '(mean * (1 - mean)) / (count - 1)'],
  ],
  // Training: defaults, loop, methods, resume
  'src/train/runData.ts': [
    ['const left = Math.floor(leaveOut * own.length);', 'const left = Math.ceil(leaveOut * own.length);'],
  ],
  'src/train/namedPreprocessing.ts': [['Math.floor(side / crop_pct)', 'Math.round(side / crop_pct)']],
  'src/models/weights.ts': [['of classes.entries())', 'of [...classes].sort().entries())']],
  'src/train/ermSettings.ts': [['article: 40 / 100', 'article: 50 / 100']],
  'src/train/scheduler.ts': [
    ['this.#badEpochs > this.patience', 'this.#badEpochs >= this.patience'],
    ['this.#best * (1 - 1e-4)', 'this.#best'],
  ],
  'src/train/selection.ts': [
    ['ofClass(correct, y) / ofClass(total, y)', 'ofClass(correct, y) / ofClass(total, 0)'],
    ['return score > bestScore', 'return score >= bestScore'],
  ],
  'src/train/imageRecord.ts': [
    ['right === times', 'right > 0'],
    ['wasRight > isRight', 'wasRight !== isRight'],
  ],
  'src/train/fit.ts': [
    ['scheduler.step(training.trainLoss)', 'scheduler.step(val.loss)'],
    ['scheduler.load(run.progress.scheduler)', 'void scheduler'],
  ],
  'src/train/checkpoint.ts': [['for (const saved of run.states) await saved.load(tensors);', '']],
  'src/train/make.ts': [['start.options.keepState !== true', 'false']],
  'src/train/run.ts': [['generator.setState(saved.data as Uint8Array);', 'void generator;']],
  'src/train/finetune/loss.ts': [
    ['config.lambda * supervisedScale', 'supervisedScale'],
    ["supervised === 'mse' ? images * outputs : images", "supervised === 'mse' ? images : images * outputs"],
  ],
  'src/train/finetune/settings.ts': [['article: 0.0001', 'article: 0.001']],
  'src/kit/summarize.ts': [
    ['sign * numberOf(row, measure) > 0', 'sign * numberOf(row, measure) < 0'],
    ['same ? groupedBy(rows, same)', 'same && rows.length === 0 ? groupedBy(rows, same)'],
    ['(own) => family(own[0] as Row)', "(own) => family(own[0] as Row) === ''"],
    ['values.length < least ? null', 'values.length < 0 * least ? null'],
    ['select(from, { [over]: replicate })', '(select(from, { [over]: replicate }), from)'],
  ],
  'src/kit/table.ts': [
    ['const [row] = select(line, column);', 'const [row] = select(line, column).length > 0 ? line : [];'],
  ],
  'src/report/claim.ts': [
    ['side * excess(row) > 0 && ', ''],
    ['draws < needed', 'draws <= needed'],
  ],
  'src/report/changes.ts': [['row.group === row.chosenFor', 'row.group !== null']],
  'src/report/rows.ts': [
    ['test.change - test.mean', 'test.mean - test.change'],
    ['row.split, row.name === DIFFERENCE]', 'row.split, false]'],
  ],
  'src/study/modelTests.ts': [
    [
      "question === FIT || family.criteria.some((name) => name === criterion) ? 'planned' : null",
      "'planned'",
    ],
    ['[gap, logits])).m', '[gap, logits])).b'],
    [
      'testedSets(tests, effects, stage);\n    const ofModels',
      'testedSets(tests, effects, tests.of);\n    const ofModels',
    ],
  ],
  'src/study/runner.ts': [['epoch: job.epoch,', 'epoch: undefined,']],
  'src/study/tuning.ts': [['arms[name]?.tunedAs ?? name', 'name']],
  'src/experiments/resultFiles.ts': [['({ epoch }) => epoch === undefined', '() => true']],
  'src/study/armTables.ts': [
    ['isTested && missing.length === 0 && primary', 'isTested && primary'],
    ['sum(`correct${group}`) / sum(`total${group}`)', 'numberOf(rows[0], `group${group}`)'],
  ],
  'src/study/questions.ts': [
    ["ownBeyond(row, 'same-layers') - ownBeyond", "ownBeyond(row, 'same-layers') + ownBeyond"],
    ['other({ chosenFor: majority })', 'other({})'],
    ['100 * (gap(minority) - gap(majority))', '100 * gap(minority)'],
  ],
  'src/train/methods/groupDro.ts': [
    ['Math.exp(groupDroStep * (', '(1 + groupDroStep * ('],
    [
      'groupDroAdjustment / Math.sqrt(counts[group] as number)',
      'groupDroAdjustment / (counts[group] as number)',
    ],
  ],
  'src/train/methods/jtt.ts': [
    ['config.upweight - 1', 'config.upweight'],
    ['predictions[i] !== labels[index]', 'predictions[i] === labels[index]'],
  ],
  'src/train/methods/cnc.ts': [['weight: 1 - contrastWeight', 'weight: contrastWeight']],
  'src/train/dfr/fit.ts': [
    [
      'numClasses === 2 ? fits.flatMap((fit) => [timesOf(fit, -0.5), timesOf(fit, 0.5)])',
      'numClasses === 2 ? fits.flatMap((fit) => [timesOf(fit, -1), timesOf(fit, 1)])',
    ],
    ['weight / (deviations[j] as number)', 'weight * (deviations[j] as number)'],
  ],
  'src/train/inputSettings.ts': [['side < (most[i] as number)', 'side <= (most[i] as number)']],
  'src/train/tensorboard.ts': [
    ['mask.count / mask.total', 'mask.total / mask.count'],
    ['await file.truncate(content.length);', ''],
    ['for (const metrics of epochs) {', 'for (const metrics of epochs.slice(1)) {'],
  ],
  'src/lock.ts': [
    ['owner?.host === ownHost() && owner.boot === bootId()', 'owner?.host === ownHost()'],
    ['seen.since >= LEASE.staleMs', 'seen.since >= 0'],
    ["writeFile(file, text, { flag: 'r+' })", 'Promise.resolve()'],
    ['lost ?? !isThere(file)', 'lost ?? false'],
    ['await mkdir(lockPath)', 'await Promise.resolve()'],
    ['> LEASE.clearMs', '>= 0'],
  ],
  'src/writeAlone.ts': [["await append(path, '');", '']],
  'src/lockOwner.ts': [
    ["systemCode(error) === 'ESRCH'", "systemCode(error) !== 'ESRCH'"],
    [': start !== started', ': start === started'],
  ],
  // Checksums
  'src/models/safetensors.ts': [
    ['if (wanted !== undefined) sum = checksum(bytes, sum);', 'if (wanted !== undefined) sum = wanted;'],
  ],
  // Report and command line
  'src/report/format.ts': [['return change > 0 && Number(text) !== 0', 'return Number(text) !== 0']],
  'src/kit/columns.ts': [['value < 0.5 * 10 ** -decimals', 'value < 0.05 * 10 ** -decimals']],
  'src/cli/settings.ts': [
    [
      "text === 'yes' ? true : text === 'no' ? false : text",
      "text === 'yes' ? true : text === 'no' ? true : text",
    ],
    ['[Number(height), Number(width)]', '[Number(width), Number(height)]'],
  ],
  'src/cli/parameters.ts': [['every((path) => path in names)', 'some((path) => path in names)']],
};

/** All of them, in the order of their numbers from 1 on. */
export const MUTATIONS = Object.entries(BY_FILE).flatMap(([file, changes]) =>
  changes.map(([text, by]) => ({ file, text, by })),
);
