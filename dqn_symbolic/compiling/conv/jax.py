"""The three maps for JAX, which takes long to import, and may not be installed."""

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import GraphRewriter

from dqn_symbolic.compiling.conv.op import Conv2D, InputGradient, KernelGradient


class RegisterForJAX(GraphRewriter):
    """Rewrites nothing, but registers the Ops: PyTensor calls it before it compiles for JAX."""

    def apply(self, fgraph):
        import jax
        from pytensor.link.jax.dispatch import jax_funcify

        def convolve(x, kernel, stride):
            axes = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
            x, strides = x.astype(kernel.dtype), (stride, stride)
            return jax.lax.conv_general_dilated(x, kernel, strides, "VALID", **axes)

        def transpose(linear, dy, node):
            shape = [len(dy) if n is None else n for n in node.outputs[0].type.shape]
            return jax.linear_transpose(linear, jax.ShapeDtypeStruct(shape, dy.dtype))(dy)[0]

        @jax_funcify.register(Conv2D)
        def jax_conv2d(op, **_):
            return lambda x, kernel: convolve(x, kernel, op.stride)

        @jax_funcify.register(KernelGradient)
        def jax_kernel_gradient(op, node, **_):
            return lambda x, dy: transpose(lambda kernel: convolve(x, kernel, op.stride), dy, node)

        @jax_funcify.register(InputGradient)
        def jax_input_gradient(op, node, **_):
            return lambda kernel, dy: transpose(lambda x: convolve(x, kernel, op.stride), dy, node)


optdb.register("conv2d_for_jax", RegisterForJAX(), "jax", position=0)
