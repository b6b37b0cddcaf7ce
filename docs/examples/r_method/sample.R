# Rscript sample.R model_folder n seed synthetic_data.csv synthetic_labels.csv spread
args <- commandArgs(trailingOnly = TRUE)
fitted <- readRDS(file.path(args[1], "fitted.rds"))
n <- as.integer(args[2])
set.seed(as.integer(args[3]))
spread <- as.numeric(args[6])
y <- sample(names(fitted$classes), n, replace = TRUE, prob = sapply(fitted$classes, `[[`, "share"))
X <- t(vapply(y, function(label) {
  class <- fitted$classes[[label]]
  rnorm(length(class$mean), class$mean, spread * class$sd)
}, numeric(length(fitted$genes))))
colnames(X) <- fitted$genes
write.csv(X, args[4], row.names = FALSE)
write.csv(data.frame(label = y), args[5], row.names = FALSE)
