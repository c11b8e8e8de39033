/** The settings of this adapter's own, beside those of the SDK. */
import { readSettings, required } from '@formbuilder/adapter-sdk'

export const SETTINGS = { OUTPUT_FOLDER: required('Folder in which each submission gets one of its own') }

/** Their values. The start has found no problem with them. */
export const settings = () => readSettings(SETTINGS, process.env).values
