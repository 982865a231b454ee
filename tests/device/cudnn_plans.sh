#!/bin/sh
# sh tests/device/cudnn_plans.sh: how many plans the installed cuDNN has for each of easel's graphs, on cards that need not be
# there. A graph that it does not understand makes this fail.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
cd "$root"
mkdir -p build/device
${CXX:-c++} -std=c++20 -O1 -o build/device/cudnn_plans tests/device/cudnn_plans.cpp kernels/cuda/vendor/cudnn/cudnn.cpp \
  kernels/cuda/vendor/cudnn/dnn_attention.cpp kernels/cuda/vendor/cudnn/dnn_convolution.cpp \
  kernels/cuda/vendor/cudnn/dnn_graph.cpp kernels/cuda/vendor/library.cpp kernels/executor/failure.cpp -ldl
exec build/device/cudnn_plans
