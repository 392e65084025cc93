// The study of studies/photographs/ that the scripts beside this one read.
import { join } from 'node:path';
import { readStudy } from '#src/reproduce/studyFile/readStudy.js';

/** Relative to the working directory. */
export const study = await readStudy(join('studies', 'photographs', 'study.yaml'));
