import { type } from 'arktype'
import { expect } from 'chai'
import * as v from 'valibot'
import { z } from 'zod'
import {
  type Address,
  type Answer,
  absentIfBlank,
  address,
  addressOf,
  answers,
  autocomplete,
  checkboxes,
  date,
  filesOf,
  isoDate,
  multiupload,
  number,
  numberOf,
  optional,
  radios,
  splitList,
  text,
  upload,
} from '../src/answers.ts'
import { SENDER_ACCEPTS } from './sender-accepts.ts'

describe('schemas for answers', () => {
  const read: readonly [string, Answer<unknown>, unknown, unknown][] = [
    ['a text', text, ' Ada ', 'Ada'],
    ['a whole number', number, '12', 12],
    ['a decimal number below zero', number, '-0.5', -0.5],
    ['a date in English', date, '30 December 2020', '2020-12-30'],
    ['a date with a leading zero', date, '05 March 2021', '2021-03-05'],
    ['a leap day', date, '29 February 2024', '2024-02-29'],
    ['a date in Welsh', date, '30 Rhagfyr 2020', '2020-12-30'],
    ['the first of the Welsh months', date, '01 Ionawr 2020', '2020-01-01'],
    ['an upload', upload, 'letter.pdf', 'letter.pdf'],
    ['several uploads', multiupload, 'a.pdf; b c.png; d', ['a.pdf', 'b c.png', 'd']],
    ['any radio', radios(), 'Yes', 'Yes'],
    ['one of the radios', radios(['Yes', 'No']), 'No', 'No'],
    ['any checkboxes', checkboxes(), 'Post; Email', ['Post', 'Email']],
    ['checkboxes of a list', checkboxes(['Post', 'Email']), 'Email', ['Email']],
    ['an option with the separator in it', checkboxes(['Yes', 'No; thanks']), 'No; thanks; Yes', ['No; thanks', 'Yes']],
    ['options that overlap', checkboxes(['a; b', 'a', 'b; c']), 'a; b; c', ['a', 'b; c']],
    ['a blank optional text', optional(text), '', undefined],
    ['an optional answer that was never asked', optional(date), undefined, undefined],
    ['an optional date that is there', optional(date), '1 May 2020', '2020-05-01'],
    ['a blank optional address', optional(address), { country: 'United Kingdom' }, undefined],
    [
      'an address without its blank parts',
      address,
      { address_line_one: '1 High Street ', address_line_two: '', city: 'Leeds', county: '', postcode: 'LS1 1AA' },
      { address_line_one: '1 High Street', city: 'Leeds', postcode: 'LS1 1AA' },
    ],
  ]
  for (const [what, schema, sent, expected] of read) {
    it(`read ${what}`, async () => {
      expect(await schema['~standard'].validate(sent)).to.deep.equal({ value: expected })
    })
  }

  const refused: readonly (readonly [string, Answer<unknown>, unknown, string])[] = [
    ['a blank text', text, '  ', 'is blank'],
    ['a text that is missing', text, undefined, 'is not a text'],
    ['a text that is an object', text, {}, 'is not a text'],
    ['a number in words', number, 'twelve', 'is not a number'],
    ...[
      'centuries',
      '.',
      '$',
      '#',
      '%',
      ',',
      '1.a',
      '2.b',
      '1__0',
      '_1',
      '1_',
      '0x',
      '0b1',
      '1e',
      '--1',
      '١٢',
      'NaN',
      'Infinity',
    ].map((sent) => [`${sent}, which the sender refuses as a number`, number, sent, 'is not a number'] as const),
    ['a day that the month does not have', date, '31 February 2021', 'is not a date such as 30 December 2020'],
    ['a leap day in another year', date, '29 February 2023', 'is not a date such as 30 December 2020'],
    ['a month that is none', date, '1 Brumaire 2021', 'is not a date such as 30 December 2020'],
    ['the year 1900 as a leap year', date, '29 February 1900', 'is not a date such as 30 December 2020'],
    [
      'a leap day in a year of five digits that has none',
      date,
      '29 February 20241',
      'is not a date such as 30 December 2020',
    ],
    ['the day 0', date, '00 May 2020', 'is not a date such as 30 December 2020'],
    ['a date in figures', date, '30/12/2020', 'is not a date such as 30 December 2020'],
    ['an address of a country only', address, { address_line_one: '', country: 'United Kingdom' }, 'is blank'],
    ['an address with a part that is no text', address, { city: 1 }, 'is not an address'],
    ['an address that is a text', address, '1 High Street', 'is not an address'],
    ['a radio that is not offered', radios(['Yes', 'No']), 'Maybe', 'is not one of the options'],
    ['a file without a name', upload, '', 'is blank'],
    ['no file', multiupload, '', 'is blank'],
    ['a list of other values', multiupload, ['a', 1], 'is not a text'],
    ['an option that is ticked twice', checkboxes(['a', 'b']), 'a; a', 'has an option that is not known'],
    ['checkboxes that are not offered', checkboxes(['a', 'b']), 'a; c', 'has an option that is not known'],
    ['checkboxes of which none is ticked', checkboxes(), '', 'is blank'],
    ['an optional answer that is wrong', optional(date), 'soon', 'is not a date such as 30 December 2020'],
  ]
  for (const [what, schema, sent, message] of refused) {
    it(`refuse ${what}`, async () => {
      expect(await schema['~standard'].validate(sent)).to.deep.equal({ issues: [{ message }] })
    })
  }

  const options = ['Post', 'Email', 'No; thanks', 'By hand '] as const
  const readers: Readonly<Record<string, Answer<unknown>>> = {
    number,
    date,
    address,
    autocomplete,
    upload,
    multiupload,
    text,
    checkboxes: checkboxes(options),
    radios: radios(options),
  }
  for (const { kind, source, rows } of SENDER_ACCEPTS) {
    const reader = readers[kind] ?? text
    for (const [sent, expected, why] of rows) {
      it(`read what the sender accepts: ${kind}, ${why}: ${JSON.stringify(sent).slice(0, 60)}`, async () => {
        expect(await reader['~standard'].validate(sent)).to.deep.equal({ value: expected })
        expect(await optional(reader)['~standard'].validate(sent)).to.deep.equal({ value: expected })
      })
    }

    it(`name what decides about ${kind}: repository, path and commit`, () => {
      expect(source.filter((each) => !/^[\w-]+\/[\w-]+ [\w/.-]+ [0-9a-f]{40}$/.test(each))).to.deep.equal([])
      expect(source).not.to.have.length(0)
    })
  }

  it('read every kind of question in that table', () => {
    expect(SENDER_ACCEPTS.map(({ kind }) => kind).sort()).to.deep.equal(Object.keys(readers).sort())
  })

  it('read a long text in one pass', async () => {
    const sent = `a${' '.repeat(1_000_000)}b`

    expect(await text['~standard'].validate(sent)).to.deep.equal({ value: sent })
  })

  it('make a schema of all answers, with fields of other libraries, and leave out what is not named', async () => {
    const schema = answers({ name_text_1: text, when_date_1: optional(date), age_number_1: z.coerce.number() })

    const result = await schema['~standard'].validate({
      name_text_1: 'Ada',
      age_number_1: '36',
      when_date_1: '',
      new: 1,
    })

    expect(result).to.deep.equal({ value: { name_text_1: 'Ada', age_number_1: 36 } })
  })

  it('name every field that is wrong, inside of objects too', async () => {
    const inner = z.object({ city: z.string() })
    const schema = answers({ name_text_1: text, home_address_1: inner, when_date_1: date })

    const result = await schema['~standard'].validate({ home_address_1: { city: 1 }, when_date_1: '30 December 2020' })

    const paths = result.issues?.map(({ path }) => path)
    expect(paths).to.deep.equal([['name_text_1'], ['home_address_1', 'city']])
  })

  it('do not read a field from the prototype', async () => {
    const result = await answers({ constructor: optional(text) })['~standard'].validate({})

    expect(result).to.deep.equal({ value: {} })
  })

  it('refuse answers that are no object', async () => {
    expect(await answers({})['~standard'].validate([])).to.deep.equal({ issues: [{ message: 'is not an object' }] })
  })
})

describe('the files that an answer names', () => {
  const files = (...filenames: (string | null)[]) => filenames.map((filename) => ({ filename }))

  for (const [what, sent, filenames, expected] of [
    ['one', 'a.pdf', ['a.pdf'], [['a.pdf', 0]]],
    ['none', '', ['a.pdf'], []],
    [
      'several',
      'a.pdf; b.png',
      ['b.png', 'a.pdf'],
      [
        ['a.pdf', 1],
        ['b.png', 0],
      ],
    ],
    ['a name with the separator', 'a; b.pdf', ['a; b.pdf'], [['a; b.pdf', 0]]],
    ['the same in parts', ['a', ' b.pdf'], ['a;  b.pdf'], [['a;  b.pdf', 0]]],
    [
      'names with and without it',
      'x.png; a; b; c.pdf; d.pdf',
      ['x.png', 'a; b; c.pdf', 'd.pdf'],
      [
        ['x.png', 0],
        ['a; b; c.pdf', 1],
        ['d.pdf', 2],
      ],
    ],
    ['the longer of two', 'a; b.pdf', ['a.pdf', 'a; b.pdf'], [['a; b.pdf', 1]]],
    [
      'an escaped name',
      'Tom &amp; Jerry.pdf; b.pdf',
      ['Tom & Jerry.pdf', 'b.pdf'],
      [
        ['Tom &amp; Jerry.pdf', 0],
        ['b.pdf', 1],
      ],
    ],
    ['an extension that the sender replaced', 'My file.v2.JPG', ['My file.v2.jpeg'], [['My file.v2.JPG', 0]]],
    ['an extension that the sender added', 'scan', ['scan.png'], [['scan', 0]]],
    ['a character that the sender removed', 'ab.pdf', ['a?b.pdf'], [['ab.pdf', 0]]],
    [
      'the same name twice',
      'a.pdf; a.png',
      ['a.pdf', 'a.png'],
      [
        ['a.pdf', 0],
        ['a.png', 1],
      ],
    ],
    [
      'a file that is not there',
      'a.pdf; gone.pdf',
      ['a.pdf'],
      [
        ['a.pdf', 0],
        ['gone.pdf', undefined],
      ],
    ],
    ['a file without a name', 'a.pdf', [null, 'a.pdf'], [['a.pdf', 1]]],
    ['files of another question', 'b.pdf', ['a.pdf', 'b.pdf', 'c.pdf'], [['b.pdf', 1]]],
    ['a name that begins with a point', '.jpeg', ['.jpeg'], [['.jpeg', 0]]],
  ] as const)
    it(`are found: ${what}`, () => {
      const given = files(...filenames)

      const found = filesOf(sent, given).map(({ name, file }) => [name, file && given.indexOf(file)])

      expect(found).to.deep.equal(expected)
    })

  it('are found for what multiupload read, with nothing lost on the way', async () => {
    const sent = 'a;  b.pdf; ; c.pdf'
    const read = await multiupload['~standard'].validate(sent)

    expect('value' in read && read.value.join('; ')).to.equal(sent)
  })
})

describe('the functions behind the schemas, inside of other libraries', () => {
  const sent = {
    born_date_1: '30 Rhagfyr 2020',
    phone_number_1: '07700900123',
    how_checkboxes_1: 'Post; Email',
    note_textarea_1: '',
    home_address_1: { address_line_one: '1 High Street', city: '', country: 'United Kingdom' },
  }
  const expected = {
    born_date_1: '2020-12-30',
    phone_number_1: '07700900123',
    how_checkboxes_1: ['Post', 'Email'],
    home_address_1: { address_line_one: '1 High Street', country: 'United Kingdom' },
  }

  it('read and refuse in zod', () => {
    const schema = z.object({
      born_date_1: z.string().transform(isoDate).pipe(z.string()),
      phone_number_1: z
        .string()
        .transform(numberOf)
        .pipe(z.union([z.number(), z.string()])),
      how_checkboxes_1: z.string().transform(splitList),
      note_textarea_1: z.preprocess(absentIfBlank, z.string().optional()),
      home_address_1: z.looseObject({}).transform(addressOf).pipe(z.looseObject({})),
    })

    const { note_textarea_1, ...rest } = schema.parse(sent)

    expect([note_textarea_1, rest]).to.deep.equal([undefined, expected])
    expect(schema.safeParse({ ...sent, born_date_1: 'soon' }).error?.issues[0]?.path).to.deep.equal(['born_date_1'])
  })

  it('read and refuse in valibot', () => {
    const schema = v.object({
      born_date_1: v.pipe(v.string(), v.transform(isoDate), v.string()),
      phone_number_1: v.pipe(v.string(), v.transform(numberOf), v.union([v.number(), v.string()])),
      how_checkboxes_1: v.pipe(v.string(), v.transform(splitList)),
      note_textarea_1: v.pipe(v.unknown(), v.transform(absentIfBlank), v.optional(v.string())),
      home_address_1: v.pipe(v.custom<object>(isObject), v.transform(addressOf), v.custom<Address>(isObject)),
    })

    const { note_textarea_1, ...rest } = v.parse(schema, sent)

    expect([note_textarea_1, rest]).to.deep.equal([undefined, expected])
    const issues = v.safeParse(schema, { ...sent, born_date_1: 'soon' }).issues ?? []
    expect(issues.map((issue) => v.getDotPath(issue))).to.deep.equal(['born_date_1'])
  })

  it('read and refuse in arktype', () => {
    const schema = type({
      born_date_1: type('string').pipe(isoDate).to('string'),
      phone_number_1: type('string').pipe(numberOf).to('string | number'),
      how_checkboxes_1: type('string').pipe(splitList),
      note_textarea_1: type('unknown').pipe(absentIfBlank).to('string | undefined'),
      home_address_1: type('object').pipe(addressOf).to('object'),
    })

    const result = schema.assert(sent)
    const { note_textarea_1, ...rest } = result

    expect([note_textarea_1, rest]).to.deep.equal([undefined, expected])
    const refusal = schema({ ...sent, born_date_1: 'soon' })
    expect(refusal instanceof type.errors && refusal[0]?.path.map(String)).to.deep.equal(['born_date_1'])
  })
})

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
