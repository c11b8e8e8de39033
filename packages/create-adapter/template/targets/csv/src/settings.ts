/** The settings of this adapter's own, beside those of the SDK. */
import { readSettings, required } from '@formbuilder/adapter-sdk'

export const SETTINGS = { CSV_FOLDER: required('Folder of the spreadsheets') }

/** Their values. The start has found no problem with them. */
export const settings = () => readSettings(SETTINGS, process.env).values
