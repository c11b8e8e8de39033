/** What citizens can send: what the validators of the sender accept, by kind of question, and what the reader makes of it. */

/** One kind of question. */
export interface Accepted {
  readonly kind: string
  /** Repository, path and commit of what decides. */
  readonly source: readonly string[]
  /** What is sent, what is read, and why. */
  readonly rows: readonly (readonly [sent: unknown, read: unknown, why: string])[]
}

const PRESENTER = 'ministryofjustice/fb-metadata-presenter'
const PAYLOAD =
  'ministryofjustice/fb-runner app/services/platform/submitter_payload.rb 9ca28a9fc84fc1f9494afb6e532ac08741f097b0'
const VALIDATORS = `${PRESENTER} app/validators/metadata_presenter`
const MODELS = `${PRESENTER} app/models/metadata_presenter`

export const SENDER_ACCEPTS: readonly Accepted[] = [
  {
    kind: 'number',
    source: [`${VALIDATORS}/number_validator.rb b82067481cd5242c88c53517012a88e41c3bcd76`],
    rows: [
      ['0', 0, 'zero'],
      ['12', 12, 'a whole number'],
      [' 12 ', 12, 'white space, which the sender removes'],
      ['100', 100, 'zeros at the end'],
      ['1.1', 1.1, 'a decimal number'],
      ['-0.5', -0.5, 'below zero'],
      ['447700900123', 447700900123, 'a telephone number that is a number'],
      ['9007199254740991', 9007199254740991, 'the last exact integer'],
      ['07700900123', '07700900123', 'a zero in front'],
      ['+447700900123', '+447700900123', 'an international telephone number'],
      ['+12', '+12', 'a sign that a number does not keep'],
      ['007', '007', 'zeros in front'],
      ['-0', '-0', 'a sign that zero does not keep'],
      ['0.10', '0.10', 'pence'],
      ['1.0', '1.0', 'a decimal zero'],
      ['.5', '.5', 'no digit before the point'],
      ['5.', '5.', 'no digit after the point, which newer versions of Ruby read'],
      ['1_000', '1_000', 'an underscore between digits'],
      ['1e9', '1e9', 'an exponent'],
      ['1E-3', '1E-3', 'an exponent below zero'],
      ['1e400', '1e400', 'beyond the range of a double'],
      ['0x1F', '0x1F', 'hexadecimal digits'],
      ['0x1.8p3', '0x1.8p3', 'hexadecimal, with an exponent'],
      ['9007199254740993', '9007199254740993', 'beyond exact integers'],
      ['4929123456789012345', '4929123456789012345', 'the number of a card'],
      ['0.1234567890123456789', '0.1234567890123456789', 'more decimals than a double has'],
      ['1,000', '1,000', 'a text question for an amount'],
      ['1,234,567.80', '1,234,567.80', 'a text question for an amount'],
      ['+44 (0)7700 900-123', '+44 (0)7700 900-123', 'a text question for a telephone number'],
    ],
  },
  {
    kind: 'date',
    source: [
      `${VALIDATORS}/date_validator.rb af60e618c5aad1088ff4e708d61fb138da220429`,
      PAYLOAD,
      `${PRESENTER} config/locales/cy.yml 00726e4df65a146e7bf9c7307b225e3932be9dbb`,
    ],
    rows: [
      ['30 December 2020', '2020-12-30', 'as recorded'],
      ['01 January 2021', '2021-01-01', 'a zero in front of the day'],
      ['1 May 2020', '2020-05-01', 'a day of one digit'],
      ['29 February 2024', '2024-02-29', 'a leap day'],
      ['29 February 2000', '2000-02-29', 'a leap day of a century'],
      ['31 December 9999', '9999-12-31', 'the last year of four digits'],
      ['04 December 0020', '0020-12-04', 'a year entered with two digits'],
      ['01 January 0000', '0000-01-01', 'the year 0'],
      ['04 December 20240', '04 December 20240', 'a year of five digits'],
      ['29 February 20240', '29 February 20240', 'a leap day in a year of five digits'],
      ['01 March 123456789012', '01 March 123456789012', 'a year of many digits'],
      ['29 February -0044', '29 February -0044', 'a leap day before 0'],
      ['04 December -0044', '04 December -0044', 'a year before 0'],
      ['29 February 1500', '29 February 1500', 'a leap day of the Julian calendar'],
      ['29 Chwefror 1500', '29 Chwefror 1500', 'the same in Welsh'],
      ['28 February 1500', '1500-02-28', 'a day that both calendars have'],
      ...[
        ...['Ionawr', 'Chwefror', 'Mawrth', 'Ebrill', 'Mai', 'Mehefin'],
        ...['Gorffennaf', 'Awst', 'Medi', 'Hydref', 'Tachwedd', 'Rhagfyr'],
      ].map((month, at) => [`05 ${month} 2021`, `2021-${`${at + 1}`.padStart(2, '0')}-05`, 'a Welsh month'] as const),
      ...[
        ...['January', 'February', 'March', 'April', 'May', 'June'],
        ...['July', 'August', 'September', 'October', 'November', 'December'],
      ].map(
        (month, at) => [`05 ${month} 2021`, `2021-${`${at + 1}`.padStart(2, '0')}-05`, 'an English month'] as const,
      ),
    ],
  },
  {
    kind: 'address',
    source: [
      `${VALIDATORS}/address_validator.rb ddd94672697c3a8f08c3f7b589fdb0a1ff2a1b86`,
      `${VALIDATORS}/postcode_validator.rb 4d550598aaf40c3e3430298565012cc2d2b0378a`,
      `${MODELS}/address_fieldset.rb 65b3a1a6c7ffa6f2c9a965c9d3873d1fff536ff7`,
    ],
    rows: [
      [
        {
          address_line_one: '1 High Street',
          address_line_two: '',
          city: 'Leeds',
          county: '',
          postcode: 'LS1 1AA',
          country: 'United Kingdom',
        },
        { address_line_one: '1 High Street', city: 'Leeds', postcode: 'LS1 1AA', country: 'United Kingdom' },
        'the required parts',
      ],
      [
        { address_line_one: '1', city: 'c', postcode: '00999', country: 'Great country' },
        { address_line_one: '1', city: 'c', postcode: '00999', country: 'Great country' },
        'a postcode abroad keeps its zeros',
      ],
      [
        { address_line_one: '', city: '', postcode: '', country: 'France' },
        { country: 'France' },
        'an optional address of which a country was entered',
      ],
      [
        { postcode: 'ls11aa', country: 'United Kingdom' },
        { postcode: 'ls11aa', country: 'United Kingdom' },
        'an optional address of which a postcode was entered, as typed',
      ],
      [
        { address_line_one: '\u0085 \u00a0', address_line_two: 'Flat 0', country: 'United Kingdom' },
        { address_line_two: 'Flat 0', country: 'United Kingdom' },
        'white space of the sender is blank',
      ],
    ],
  },
  {
    kind: 'autocomplete',
    source: [`${VALIDATORS}/autocomplete_validator.rb 665a4a9d5976a905abf02dc438c30a331068b172`, PAYLOAD],
    rows: [
      ['AF', 'AF', 'the value of an item'],
      ['0012', '0012', 'a code with zeros'],
      ['1022731A', '1022731A', 'a code of a team'],
      [' A1 ', ' A1 ', 'a value with white space, which the sender does not remove'],
      ['a; b & c', 'a; b & c', 'a value of any characters'],
    ],
  },
  {
    kind: 'upload',
    source: [
      `${VALIDATORS}/upload_validator.rb 1687c887f5695521a3be440e9ae832d232376a53`,
      `${MODELS}/page_answers.rb 135deebb59780271f9bf960dbf661ecdb7ddb05f`,
    ],
    rows: [
      ['letter.pdf', 'letter.pdf', 'a name'],
      ['a; b.pdf', 'a; b.pdf', 'a name with the separator in it'],
      ['Tom &amp; Jerry.jpeg', 'Tom &amp; Jerry.jpeg', 'a name that was escaped'],
      [' letter .pdf ', ' letter .pdf ', 'white space, which the sender does not remove'],
      ['.jpeg', '.jpeg', 'a name of which the extension is left'],
    ],
  },
  {
    kind: 'multiupload',
    source: [
      `${VALIDATORS}/multiupload_validator.rb 334a7e21ccc2f522e65b88760205ced9fe0af7e7`,
      `${MODELS}/multi_upload_answer.rb 029031cf957da04791d7cd9f9ba4eb9452a95298`,
    ],
    rows: [
      ['a.pdf', ['a.pdf'], 'one'],
      ['a.pdf; b c.png; d', ['a.pdf', 'b c.png', 'd'], 'several'],
      ['a;b.pdf', ['a;b.pdf'], 'a semicolon'],
      ['a;  b.pdf', ['a', ' b.pdf'], 'white space of a name is kept'],
      [['a; b.pdf', 'c.pdf'], ['a; b.pdf', 'c.pdf'], 'a list, which the schema of the sender allows'],
    ],
  },
  {
    kind: 'checkboxes',
    source: [PAYLOAD],
    rows: [
      ['Post', ['Post'], 'one'],
      ['Post; Email', ['Post', 'Email'], 'two'],
      ['No; thanks; Post', ['No; thanks', 'Post'], 'an option with the separator in it'],
      ['; Post', ['Post'], 'the empty value of the question itself'],
      ['By hand ; Email', ['By hand ', 'Email'], 'an option with white space, as the form has it'],
      ['Email; By hand', ['Email', 'By hand '], 'the same, removed at the end'],
      [['Post', 'No; thanks'], ['Post', 'No; thanks'], 'a list, which the schema of the sender allows'],
    ],
  },
  {
    kind: 'radios',
    source: [PAYLOAD],
    rows: [
      ['Post', 'Post', 'an option'],
      ['By hand', 'By hand ', 'an option with white space, which the sender removes'],
    ],
  },
  {
    kind: 'text',
    source: [
      `${VALIDATORS}/required_validator.rb bc74bb69df75e9882d1f10f19c7ef71f3b2c4f83`,
      `${VALIDATORS}/email_validator.rb 39392706f36ed3438eb3aa19c78b8b652d9d9201`,
      `${PRESENTER} config/initializers/email_regex.rb 39392706f36ed3438eb3aa19c78b8b652d9d9201`,
    ],
    rows: [
      [' Ada ', 'Ada', 'white space, which the sender removes'],
      ['one\r\n\r\ntwo', 'one\r\n\r\ntwo', 'line breaks'],
      ['\ufeff', '\ufeff', 'a byte order mark, which is not blank for the sender'],
      ['\u200b', '\u200b', 'a space without width, which is not blank for the sender'],
      ['0', '0', 'zero'],
      ['false', 'false', 'a word that means no'],
      ['Not answered', 'Not answered', 'words'],
      ['07700900123', '07700900123', 'a telephone number'],
      ...[
        ...['hi@gmail.com', 'empress.wu@digital.justice.gov.uk', 'email@123.123.123.123', 'ching+shih@example.com'],
        ...[
          '_______@example.com',
          "o'hara@example.name",
          '1234567890@example-one.com',
          `${'a'.repeat(300)}@example.com`,
        ],
      ].map((email) => [email, email, 'an e-mail address'] as const),
    ],
  },
]
