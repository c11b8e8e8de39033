/** Measures subjects in turns, each between two runs of one floor: what slows the machine for a while slows both. */
import type { Lab, Subject } from './lab.ts'
import type { LoadReport } from './load.ts'
import { type Measure, median } from './report.ts'

/** A process in a benchmark, and what it is sent in each round; -1 is the warm-up. */
export interface Contender {
  readonly subject: Subject
  readonly order: (round: number) => Promise<Parameters<Lab['load']>[1]>
}

/** One run of one contender. */
export interface Run extends LoadReport {
  /** Time on a processor of the thread that serves HTTP, for each request. */
  readonly cpuMicroseconds: number
}

/** A run, and the floor before and after it. */
export interface Turn {
  readonly own: Run
  readonly floors: readonly [before: Run, after: Run]
}

/** Runs the rounds: the floor, then each contender and the floor again. Resolves to the turns of each contender. */
export async function between<Name extends string>(
  lab: Lab,
  floor: Contender,
  contenders: Readonly<Record<Name, Contender>>,
  { rounds, warmUpSeconds }: { readonly rounds: number; readonly warmUpSeconds: number },
): Promise<Readonly<Record<Name, readonly Turn[]>>> {
  const named = Object.entries<Contender>(contenders)
  // Until the code that is run all the time has been compiled: that takes some thousand requests.
  for (const { subject, order } of [floor, ...Object.values<Contender>(contenders)])
    await lab.load(subject, { ...(await order(-1)), seconds: warmUpSeconds })

  const turns = new Map<string, Turn[]>(named.map(([name]) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    let before = await run(lab, floor, round)
    for (const [name, contender] of named) {
      const own = await run(lab, contender, round)
      const after = await run(lab, floor, round)
      turns.get(name)?.push({ own, floors: [before, after] })
      before = after
    }
  }
  return Object.fromEntries(turns) as unknown as Record<Name, readonly Turn[]>
}

async function run(lab: Lab, { subject, order }: Contender, round: number): Promise<Run> {
  const prepared = await order(round)
  const before = subject.cpuMicroseconds()
  const report = await lab.load(subject, prepared)
  const cpuMicroseconds = (subject.cpuMicroseconds() - before) / report.answers
  return { ...report, cpuMicroseconds }
}

/** A figure of each turn, and its ratio to the mean of the two floors. */
export function figures(turns: readonly Turn[], of: (run: Run) => number): Pick<Measure, 'rounds' | 'ratios'> {
  const rounds = turns.map(({ own }) => of(own))
  const ratios = turns.map(({ own, floors: [before, after] }) => of(own) / ((of(before) + of(after)) / 2))
  return { rounds, ratios }
}

/** The figure of the floor itself: the mean of the two around each turn. */
export function floorFigures(turns: readonly Turn[], of: (run: Run) => number): Pick<Measure, 'rounds'> {
  return { rounds: turns.map(({ floors: [before, after] }) => (of(before) + of(after)) / 2) }
}

/** Two rows of a contender: requests a second, and processor time a request, each of the floor's in the same minute. */
export function rateAndCpu(
  name: string,
  turns: readonly Turn[],
  against: string,
  marks: { readonly rate?: number; readonly cpu?: number } = {},
): Measure[] {
  const cores = median(turns.map(({ own }) => own.loadCores).toSorted((a, b) => a - b))
  return [
    {
      subject: name,
      unit: 'a second',
      ...figures(turns, rate),
      against,
      ...(marks.rate !== undefined && { mark: { ratio: marks.rate } }),
      note: `the load used ${cores.toFixed(2)} cores`,
    },
    {
      subject: `${name}: CPU of its main thread`,
      unit: 'µs a request',
      ...figures(turns, cpu),
      against,
      ...(marks.cpu !== undefined && { mark: { ratio: marks.cpu, atMost: true } }),
    },
  ]
}

/** The two rows of the floor itself. */
export function floorRows(name: string, turns: readonly Turn[]): Measure[] {
  return [
    { subject: name, unit: 'a second', ...floorFigures(turns, rate) },
    { subject: `${name}: CPU of its main thread`, unit: 'µs a request', ...floorFigures(turns, cpu) },
  ]
}

/** The rate of a contender of that of another in the same rounds, each by its own two floors. */
export function ofPeer(turns: readonly Turn[], peer: readonly Turn[]): Pick<Measure, 'rounds' | 'ratios'> {
  const [own, other] = [figures(turns, rate), figures(peer, rate)]
  return { rounds: own.rounds, ratios: (own.ratios ?? []).map((ratio, round) => ratio / (other.ratios?.[round] ?? 1)) }
}

const rate = (run: Run): number => run.perSecond
const cpu = (run: Run): number => run.cpuMicroseconds
