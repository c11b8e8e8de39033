/** Ends the process with one line if its Node is too old for this package. */
export {}
