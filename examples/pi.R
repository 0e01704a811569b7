# A worker for `meshd publish --exec 'Rscript examples/pi.R' --accept 1000`.
#
# Reads one JSON line for each candidate and answers with one: R's own generator starts anew from
# seed32 each time, so that a candidate comes to the same on every machine with this version of R.
# Its answers name their index, so that it is sent several lines ahead.

numberOf <- function(name, line) {
  as.numeric(sub(paste0('.*"', name, '":([0-9]+).*'), "\\1", line))
}

lines <- file("stdin", open = "r")
while (length(line <- readLines(lines, n = 1)) > 0) {
  # R takes seeds below 2^31.
  set.seed(numberOf("seed32", line) %% 2147483647)
  dart <- runif(2)
  answer <- if (sum(dart^2) < 1) {
    sprintf('"value":{"x":%.17g,"y":%.17g}', dart[1], dart[2])
  } else {
    '"reject":true'
  }
  cat(sprintf('{"index":%.0f,%s}\n', numberOf("index", line), answer))
  flush(stdout())
}
