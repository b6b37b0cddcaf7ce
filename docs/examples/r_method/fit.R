# Rscript fit.R train_data.csv train_labels.csv model_folder
args <- commandArgs(trailingOnly = TRUE)
X <- as.matrix(read.csv(args[1], check.names = FALSE))  # samples x genes; check.names would alter gene names
y <- read.csv(args[2], colClasses = "character")$label
classes <- lapply(split(seq_along(y), y), function(rows) {
  mine <- X[rows, , drop = FALSE]
  mean <- colMeans(mine)
  list(share = length(rows) / length(y), mean = mean, sd = sqrt(colMeans(sweep(mine, 2, mean)^2)))
})
saveRDS(list(genes = colnames(X), classes = classes), file.path(args[3], "fitted.rds"))
