/** Renders the views as HTML with Nunjucks, which escapes every value, and the components of GOV.UK Frontend. */
import nunjucks from 'nunjucks'
import { pageFolders } from './assets.ts'

/** Renders a view. */
export type Render = (view: string, values: Readonly<Record<string, unknown>>) => string

export function createRender(): Render {
  const { views, govuk } = pageFolders()
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader([views, govuk]), {
    autoescape: true,
    trimBlocks: true,
    lstripBlocks: true,
  })
  environment.addFilter('time', timeText)
  environment.addFilter('count', (count: number) => COUNT.format(count))
  environment.addFilter('age', ageOf)
  environment.addFilter('bytes', bytesText)
  environment.addFilter('sentence', (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`)
  environment.addFilter('plural', (count: number, one: string, many = `${one}s`) => (count === 1 ? one : many))
  return (view, values) => environment.render(`${view}.njk`, values)
}

/** A time in London. A narrow column breaks the line between date and time only. */
export function timeText(iso: string): string {
  return `${DATE.format(new Date(iso)).replaceAll(' ', '\u00a0')}, ${TIME.format(new Date(iso))}`
}

/** A size in the unit that needs no more than three digits. */
export function bytesText(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS_OF_SIZE.length - 1)
  const size = bytes / 1000 ** unit
  return `${unit > 0 && size < 10 ? size.toFixed(1) : Math.round(size)} ${UNITS_OF_SIZE[unit]}`
}

const UNITS_OF_SIZE = ['bytes', 'KB', 'MB', 'GB'] as const

/** Seconds in words, in the two largest units. */
export function ageOf(seconds: number): string {
  const parts: string[] = []
  let rest = Math.round(seconds)
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(' ') || '0 seconds'
}

const UNITS = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
] as const

const COUNT = new Intl.NumberFormat('en-GB')
const TIME_ZONE = 'Europe/London'
const DATE = new Intl.DateTimeFormat('en-GB', { timeZone: TIME_ZONE, dateStyle: 'medium' })
const TIME = new Intl.DateTimeFormat('en-GB', { timeZone: TIME_ZONE, timeStyle: 'medium' })
