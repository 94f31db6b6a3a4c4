//===-- HostInterface.cpp - the info struct and the C functions -----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits recur_info (recur/runtime.h) and the code for GPUs as constants, and
/// for each recurrence the functions that pack their arguments and call the
/// runtime. Checks live in the runtime, driven by the constants, so that they
/// are written and tested once and not generated for every recurrence.
//===----------------------------------------------------------------------===//

#include "compiler/Target/HostObject.h"

#include "compiler/Conversion/Artifact.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/xxhash.h"

#include <recur/runtime.h>

using namespace mlir;
using namespace recur;

namespace {
/// The images' bytes, which the variants of all recurrences share.
using ImageData = llvm::ArrayRef<llvm::Constant *>;

/// Builds the constants of one recurrence.
class InterfaceBuilder {
public:
  InterfaceBuilder(llvm::Module &module, DictionaryAttr artifact,
                   const HostInterfaceOptions &options, ImageData images)
      : module(module), context(module.getContext()), artifact(artifact),
        options(options), images(images), name(getString("name")),
        pointer(llvm::PointerType::get(context, 0)),
        i16(llvm::Type::getInt16Ty(context)),
        i8(llvm::Type::getInt8Ty(context)),
        i32(llvm::Type::getInt32Ty(context)),
        i64(llvm::Type::getInt64Ty(context)),
        f64(llvm::Type::getDoubleTy(context)) {}

  llvm::Error build();

private:
  std::string getString(StringRef key, DictionaryAttr of = {}) {
    return cast<StringAttr>((of ? of : artifact).get(key)).str();
  }
  int64_t getInt(StringRef key, DictionaryAttr of = {}) {
    return cast<IntegerAttr>((of ? of : artifact).get(key)).getInt();
  }
  llvm::Constant *c8(int64_t v) { return llvm::ConstantInt::get(i8, v); }
  llvm::Constant *c16(int64_t v) { return llvm::ConstantInt::get(i16, v); }
  llvm::Constant *c32(int64_t v) {
    return llvm::ConstantInt::getSigned(i32, v);
  }
  llvm::Constant *c64(int64_t v) {
    return llvm::ConstantInt::getSigned(i64, v);
  }
  llvm::Constant *createGlobal(llvm::Constant *value, const llvm::Twine &label,
                               bool merge = false) {
    auto *global = new llvm::GlobalVariable(
        module, value->getType(), /*isConstant=*/true,
        llvm::GlobalValue::InternalLinkage, value, label);
    if (merge)
      global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    return global;
  }
  llvm::Constant *createString(StringRef text) {
    return createGlobal(llvm::ConstantDataArray::getString(context, text),
                        name + ".text", /*merge=*/true);
  }
  llvm::Constant *createStruct(ArrayRef<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }
  /// A global array; null for an empty one. `size` is what C says an element
  /// has.
  llvm::Expected<llvm::Constant *> createArray(ArrayRef<llvm::Constant *> items,
                                               size_t size, StringRef label) {
    if (items.empty())
      return llvm::ConstantPointerNull::get(pointer);
    llvm::Type *type = items[0]->getType();
    if (module.getDataLayout().getTypeAllocSize(type) != size)
      return llvm::createStringError("the layout of " + label +
                                     " differs from the runtime's");
    auto *array = llvm::ConstantArray::get(
        llvm::ArrayType::get(type, items.size()), items);
    return createGlobal(array, name + "." + label);
  }
  llvm::Constant *createDims(ArrayRef<int32_t> dims) {
    if (dims.empty())
      return llvm::ConstantPointerNull::get(pointer);
    return createGlobal(llvm::ConstantDataArray::get(context, dims),
                        name + ".dims", /*merge=*/true);
  }
  llvm::Expected<llvm::Constant *> createDType(Type element);
  llvm::Expected<llvm::Constant *> createArgument(DictionaryAttr argument);
  llvm::Expected<llvm::Constant *> createVariant(DictionaryAttr variant);
  llvm::Expected<llvm::Constant *> createGpuKernel(DictionaryAttr launch);
  llvm::Expected<llvm::Constant *> createGpuVariant(DictionaryAttr variant);
  llvm::Expected<llvm::Constant *> createImages(StringRef target,
                                                unsigned &count);
  llvm::Expected<llvm::Constant *> createInfo();
  void createFunctions(llvm::Constant *info);

  llvm::Module &module;
  llvm::LLVMContext &context;
  DictionaryAttr artifact;
  const HostInterfaceOptions &options;
  ImageData images;
  std::string name;
  llvm::PointerType *pointer;
  llvm::Type *i16, *i8, *i32, *i64, *f64;
};
} // namespace

llvm::Expected<llvm::Constant *> InterfaceBuilder::createDType(Type element) {
  int64_t code = -1, bits = 0;
  Type real = element;
  if (auto complex = dyn_cast<ComplexType>(element)) {
    code = kDLComplex;
    bits = 2 * complex.getElementType().getIntOrFloatBitWidth();
  } else if (isa<BFloat16Type>(real)) {
    code = kDLBfloat;
    bits = 16;
  } else if (isa<FloatType>(real)) {
    code = kDLFloat;
    bits = real.getIntOrFloatBitWidth();
  } else if (real.isInteger(1)) {
    code = RECUR_DL_BOOL;
    bits = 8;
  } else if (isa<IntegerType>(real)) {
    code = kDLInt;
    bits = real.getIntOrFloatBitWidth();
  } else {
    return llvm::createStringError("an argument of '" + name +
                                   "' has a type that tensors cannot have");
  }
  return createStruct({c8(code), c8(bits), c16(1)});
}

llvm::Expected<llvm::Constant *>
InterfaceBuilder::createArgument(DictionaryAttr argument) {
  auto dtype = createDType(cast<TypeAttr>(argument.get("element")).getValue());
  if (!dtype)
    return dtype.takeError();
  auto dims = cast<DenseI32ArrayAttr>(argument.get("dims")).asArrayRef();
  return createStruct({createString(getString("name", argument)),
                       c32(getInt("role", argument)), *dtype, c32(dims.size()),
                       createDims(dims)});
}

llvm::Expected<llvm::Constant *>
InterfaceBuilder::createVariant(DictionaryAttr variant) {
  auto extent = [&](StringRef key) {
    ArrayRef<int64_t> e =
        cast<DenseI64ArrayAttr>(variant.get(key)).asArrayRef();
    return createStruct({c64(e[0]), c64(e[1]), c64(e[2])});
  };
  auto number = [&](StringRef key) -> llvm::Constant * {
    return llvm::ConstantFP::get(
        f64, cast<FloatAttr>(variant.get(key)).getValueAsDouble());
  };
  auto parallel =
      cast<DenseI32ArrayAttr>(variant.get("parallel_dims")).asArrayRef();
  SmallVector<llvm::Constant *> fields = {
      createString(getString("name", variant)),
      c32(getInt("level", variant)),
      c32(parallel.size()),
      createDims(parallel),
      c32(getInt("lane_dim", variant)),
      c32(getInt("contiguous_dim", variant)),
      c64(getInt("item_lanes", variant)),
      c64(getInt("unit_stride_mask", variant)),
      extent("carry_bytes"),
      extent("summary_bytes"),
      extent("scratch_bytes"),
      c32(getInt("segment_lanes", variant)),
      c32(getInt("number_bytes", variant)),
      c32(getInt("warm_up", variant)),
      c32(getInt("max_passes", variant)),
      number("step_cost_ns"),
      number("fold_cost_ns"),
      number("step_latency_ns"),
      number("step_bytes")};
  for (StringRef phase : {"start", "fold", "advance", "replay", "finish"}) {
    // A variant that never splits time has no kernels for it.
    if (!variant.contains(phase) && (phase == "fold" || phase == "advance")) {
      fields.push_back(llvm::ConstantPointerNull::get(pointer));
      continue;
    }
    std::string symbol = getString(phase, variant);
    llvm::Function *kernel = module.getFunction(symbol);
    if (!kernel)
      return llvm::createStringError("kernel '" + symbol + "' is missing");
    fields.push_back(kernel);
  }
  return createStruct(fields);
}

llvm::Expected<llvm::Constant *>
InterfaceBuilder::createGpuKernel(DictionaryAttr launch) {
  int phase = llvm::StringSwitch<int>(getString("phase", launch))
                  .Case("scan", RECUR_GPU_SCAN)
                  .Case("fold", RECUR_GPU_FOLD)
                  .Case("combine", RECUR_GPU_COMBINE)
                  .Case("replay", RECUR_GPU_REPLAY)
                  .Default(-1);
  if (phase < 0)
    return llvm::createStringError("kernel '" + getString("symbol", launch) +
                                   "' has an unknown phase '" +
                                   getString("phase", launch) + "'");
  auto parallel =
      cast<DenseI32ArrayAttr>(launch.get("parallel_dims")).asArrayRef();
  // Plain loops do not say how many steps they have in flight, and few kernels
  // walk the points of inner dims.
  auto getOptionalInt = [&](StringRef key, DictionaryAttr from) -> int64_t {
    return from.contains(key) ? getInt(key, from) : 0;
  };
  ArrayRef<int32_t> points;
  if (auto dims = launch.getAs<DenseI32ArrayAttr>("point_dims"))
    points = dims.asArrayRef();
  return createStruct(
      {createString(getString("symbol", launch)), c32(phase),
       c32(parallel.size()), createDims(parallel),
       c32(getInt("lane_dim", launch)), c32(getInt("block", launch)),
       c64(getInt("lane_tile", launch)), c64(getInt("items_per_block", launch)),
       c64(getInt("time_tile", launch)), c64(getInt("shared", launch)),
       c32(cast<BoolAttr>(launch.get("persistent")).getValue()),
       c32(getInt("registers", launch)),
       c32(getOptionalInt("steps_in_flight", launch)), c32(points.size()),
       llvm::ConstantFP::get(f64, getInt("step_cost", launch)),
       c64(getOptionalInt("shared_per_point", launch)), createDims(points),
       llvm::ConstantFP::get(f64, getOptionalInt("point_cost", launch)),
       c64(getOptionalInt("halves_from", launch))});
}

/// The images of `target`, as an array.
llvm::Expected<llvm::Constant *>
InterfaceBuilder::createImages(StringRef target, unsigned &count) {
  SmallVector<llvm::Constant *> list;
  for (auto [image, bytes] : llvm::zip(options.images, images)) {
    if (image.target.name != target)
      continue;
    bool isPtx = image.format == DeviceImage::Format::Ptx;
    list.push_back(createStruct(
        {createString(target), c32(isPtx ? RECUR_GPU_PTX : RECUR_GPU_CUBIN),
         c32(image.target.level), c32(image.target.exact), c32(0), bytes,
         c64(image.bytes.size()),
         c64(int64_t(llvm::xxh3_64bits(image.bytes)))}));
  }
  count = list.size();
  return createArray(list, sizeof(recur_gpu_image), "gpu_image");
}

/// Kernels of one schedule. What must hold for one of them must hold for all.
llvm::Expected<llvm::Constant *>
InterfaceBuilder::createGpuVariant(DictionaryAttr variant) {
  SmallVector<llvm::Constant *> kernels, parts;
  uint64_t unitStride = 0, vectors = 0;
  int64_t vectorBytes = 0, multiple = 1, zeroed = 0, zeroedPerTile = 0,
          tileSteps = 0, contiguous = -1;
  ArrayAttr workspace;
  for (auto launch :
       cast<ArrayAttr>(variant.get("kernels")).getAsRange<DictionaryAttr>()) {
    auto kernel = createGpuKernel(launch);
    if (!kernel)
      return kernel.takeError();
    kernels.push_back(*kernel);
    unitStride |= getInt("unit_stride_mask", launch);
    vectors |= getInt("vector_mask", launch);
    vectorBytes = std::max(vectorBytes, getInt("vector_bytes", launch));
    multiple = std::max(multiple, getInt("size_multiple", launch));
    zeroed = std::max(zeroed, getInt("zeroed_constant", launch));
    zeroedPerTile = std::max(zeroedPerTile, getInt("zeroed_per_tile", launch));
    tileSteps = std::max(tileSteps, getInt("time_tile", launch));
    contiguous = std::max(contiguous, getInt("contiguous_dim", launch));
    if (auto own = cast<ArrayAttr>(launch.get("workspace"));
        !workspace || own.size() > workspace.size())
      workspace = own;
  }
  for (auto part : workspace.getAsRange<DenseI64ArrayAttr>()) {
    ArrayRef<int64_t> values = part.asArrayRef();
    SmallVector<int32_t> dims(values.drop_front(2));
    parts.push_back(createStruct(
        {c64(values[1]), c32(values[0]), c32(dims.size()), createDims(dims)}));
  }
  unsigned imageCount = 0;
  std::string target = getString("target", variant);
  auto imageArray = createImages(target, imageCount);
  if (imageArray && imageCount == 0)
    return llvm::createStringError("there is no code for '" + target + "'");
  auto kernelArray =
      createArray(kernels, sizeof(recur_gpu_kernel), "gpu_kernel");
  auto partArray = createArray(parts, sizeof(recur_gpu_part), "gpu_part");
  llvm::Error errors = llvm::Error::success();
  for (auto *array : {&imageArray, &kernelArray, &partArray})
    if (!*array)
      errors = llvm::joinErrors(std::move(errors), array->takeError());
  if (errors)
    return std::move(errors);
  return createStruct(
      {createString(getString("name", variant)), c32(kernels.size()),
       c32(imageCount), c32(parts.size()), c32(contiguous), *kernelArray,
       *imageArray, *partArray, c64(unitStride), c64(vectors), c64(vectorBytes),
       c64(multiple), c64(zeroed), c64(zeroedPerTile), c64(tileSteps)});
}

llvm::Expected<llvm::Constant *> InterfaceBuilder::createInfo() {
  SmallVector<llvm::Constant *> dims, arguments, accesses, variants,
      gpuVariants;
  for (auto dim :
       cast<ArrayAttr>(artifact.get("dims")).getAsRange<DictionaryAttr>())
    dims.push_back(createStruct(
        {createString(getString("name", dim)), c64(getInt("size", dim))}));
  for (auto item : cast<ArrayAttr>(artifact.get("arguments"))
                       .getAsRange<DictionaryAttr>()) {
    auto argument = createArgument(item);
    if (!argument)
      return argument.takeError();
    arguments.push_back(*argument);
  }
  for (auto item : cast<ArrayAttr>(artifact.get("accesses"))
                       .getAsRange<DenseI64ArrayAttr>()) {
    ArrayRef<int64_t> a = item.asArrayRef();
    accesses.push_back(createStruct(
        {c32(a[0]), c32(a[1]), c32(a[2]), c64(a[3]), c64(a[4]), c64(a[5])}));
  }
  for (auto item : cast<ArrayAttr>(artifact.get(kCpuVariants))
                       .getAsRange<DictionaryAttr>()) {
    auto variant = createVariant(item);
    if (!variant)
      return variant.takeError();
    variants.push_back(*variant);
  }
  // Without their code, GPU variants are left out.
  auto onGpu = cast<ArrayAttr>(artifact.get(kGpuVariants));
  for (auto item : onGpu.getAsRange<DictionaryAttr>()) {
    if (options.images.empty())
      break;
    auto variant = createGpuVariant(item);
    if (!variant)
      return variant.takeError();
    gpuVariants.push_back(*variant);
  }
  auto dimArray = createArray(dims, sizeof(recur_dim), "dim");
  auto argumentArray =
      createArray(arguments, sizeof(recur_argument), "argument");
  auto accessArray = createArray(accesses, sizeof(recur_access), "access");
  auto variantArray =
      createArray(variants, sizeof(recur_cpu_variant), "cpu_variant");
  auto gpuVariantArray =
      createArray(gpuVariants, sizeof(recur_gpu_variant), "gpu_variant");
  llvm::Error errors = llvm::Error::success();
  for (auto *array : {&dimArray, &argumentArray, &accessArray, &variantArray,
                      &gpuVariantArray})
    if (!*array)
      errors = llvm::joinErrors(std::move(errors), array->takeError());
  if (errors)
    return std::move(errors);
  bool reverse = cast<BoolAttr>(artifact.get("reverse")).getValue();
  bool step = cast<BoolAttr>(artifact.get("step")).getValue();
  llvm::Constant *info = createStruct(
      {c32(RECUR_ABI_VERSION),
       c32((reverse ? RECUR_REVERSE : 0) | (step ? RECUR_STEP : 0)),
       createString(name), createString(options.sourceHash),
       createString(options.targets), c32(dims.size()), c32(arguments.size()),
       c32(accesses.size()), c32(variants.size()), c32(gpuVariants.size()),
       c32(getInt("time")), c32(getInt("segment")), c32(getInt("space_rank")),
       c32(0), *dimArray, *argumentArray, *accessArray, *variantArray,
       *gpuVariantArray});
  if (module.getDataLayout().getTypeAllocSize(info->getType()) !=
      sizeof(recur_info))
    return llvm::createStringError(
        "the layout of recur_info differs from the runtime's");
  return createGlobal(info, name + ".info");
}

/// int NAME(const DLTensor *..., void *workspace, size_t bytes, void *stream)
/// int NAME_workspace(const DLTensor *..., size_t *bytes)
/// const recur_info *NAME_info(void)
void InterfaceBuilder::createFunctions(llvm::Constant *info) {
  unsigned count = cast<ArrayAttr>(artifact.get("arguments")).size();
  llvm::IRBuilder<> builder(context);
  auto create = [&](const llvm::Twine &label, llvm::Type *result,
                    ArrayRef<llvm::Type *> extra, unsigned tensors) {
    SmallVector<llvm::Type *> types(tensors, pointer);
    types.append(extra.begin(), extra.end());
    auto *function = llvm::Function::Create(
        llvm::FunctionType::get(result, types, false),
        llvm::GlobalValue::ExternalLinkage, label, module);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
    return function;
  };
  auto pack = [&](llvm::Function *function) -> llvm::Value * {
    llvm::Value *array = builder.CreateAlloca(pointer, builder.getInt32(count));
    for (unsigned i = 0; i < count; ++i)
      builder.CreateStore(function->getArg(i),
                          builder.CreateConstGEP1_64(pointer, array, i));
    return array;
  };
  auto declare = [&](StringRef label, ArrayRef<llvm::Type *> types) {
    return module.getOrInsertFunction(
        label, llvm::FunctionType::get(i32, types, false));
  };

  auto *call = create(name, i32, {pointer, i64, pointer}, count);
  llvm::Value *array = pack(call);
  builder.CreateRet(builder.CreateCall(
      declare("recur_call", {pointer, pointer, i32, pointer, i64, pointer}),
      {info, array, c32(count), call->getArg(count), call->getArg(count + 1),
       call->getArg(count + 2)}));

  auto *workspace = create(name + "_workspace", i32, {pointer}, count);
  array = pack(workspace);
  builder.CreateRet(builder.CreateCall(
      declare("recur_workspace", {pointer, pointer, i32, pointer}),
      {info, array, c32(count), workspace->getArg(count)}));

  create(name + "_info", pointer, {}, 0);
  builder.CreateRet(info);
}

llvm::Error InterfaceBuilder::build() {
  auto info = createInfo();
  if (!info)
    return info.takeError();
  createFunctions(*info);
  return llvm::Error::success();
}

llvm::Error recur::addHostInterface(llvm::Module &module, ArrayAttr artifacts,
                                    const HostInterfaceOptions &options) {
  SmallVector<llvm::Constant *> images;
  for (const DeviceImage &image : options.images) {
    // PTX is a C string for the driver.
    llvm::Constant *bytes = llvm::ConstantDataArray::getString(
        module.getContext(), image.bytes,
        /*AddNull=*/image.format == DeviceImage::Format::Ptx);
    auto *global =
        new llvm::GlobalVariable(module, bytes->getType(), /*isConstant=*/true,
                                 llvm::GlobalValue::InternalLinkage, bytes,
                                 "recur.image." + image.target.name);
    global->setAlignment(llvm::Align(64));
    images.push_back(global);
  }
  for (auto artifact : artifacts.getAsRange<DictionaryAttr>())
    if (llvm::Error error =
            InterfaceBuilder(module, artifact, options, images).build())
      return error;
  return llvm::Error::success();
}
