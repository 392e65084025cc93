import type { Split } from '../data/split.js';
import type { PerturbationName } from '../neurons/perturbations.js';
import type { Chart, NamedChart } from './charts/render.js';
import type { FigureSource, RunReport, RunResults } from './reportData.js';
import type { Section } from './html/page.js';
import type { Table } from './tables/table.js';
import type { GroupLabel } from './views/groupLabels.js';

/** A row of a figure's CSV: one measurement, with its settings. Accuracies and changes are fractions. */
export type FigureRow = Readonly<Record<string, string | number | null>>;

/** An unstructured trace that a figure shows: all its k under all its standard deviations, for the article's criteria. */
export interface TraceNeed {
  readonly perturbation: PerturbationName;
  readonly split: Split;
  readonly topK: readonly number[];
  /** Of these, the numbers of neurons that it compares with random ones, where a user asks for nothing else. */
  readonly compared: readonly number[];
  /** Empty where nothing is drawn. */
  readonly sigmas: readonly number[];
  /** Whether a user may choose others in their place. */
  readonly isGrid?: boolean;
}

/** The results that a figure takes from a run's folder, where they are made if they are missing. */
export interface FigureNeeds {
  readonly traces?: readonly TraceNeed[];
  readonly results?: readonly Exclude<keyof RunResults, 'traces'>[];
}

/**
 * A figure or table, of the article's Part I or beyond it: what it takes, and how it is shown. `src/report/figures.ts` lists
 * all of them; commands, files, and sections of the report follow from that list.
 */
export interface Figure {
  /** As in file names and commands: `fig2`, `table3`. */
  readonly name: string;
  readonly title: string;
  /** Whether the article has no such figure, so that all of its Part I leave it out. */
  readonly beyondArticle?: boolean;
  readonly needs: FigureNeeds;
  /** The rows of its JSON and CSV. The source's traces hold what the figure needs and no more. */
  readonly rows: (source: FigureSource) => FigureRow[];
  /** Its charts; none where the source holds nothing to draw, and none at all for tables. */
  readonly charts?: (source: FigureSource, groups: readonly GroupLabel[]) => NamedChart[];
  /** What a terminal prints of it. The source is that of `rows`. */
  readonly tables: (source: FigureSource, groups: readonly GroupLabel[]) => Table[];
  /** The sections of the report that show it, which it may share with other figures. */
  readonly sections: readonly MakeSection[];
}

/** The drawn charts of a report, by name. */
export type Charts = ReadonlyMap<string, Chart>;

/**
 * Makes a section of the report; undefined when the run has nothing to show there.
 *
 * @param figures those that name the section, in the list's order
 */
export type MakeSection = (
  report: RunReport,
  groups: readonly GroupLabel[],
  charts: Charts,
  figures: readonly Figure[],
) => Section | undefined | Promise<Section | undefined>;
